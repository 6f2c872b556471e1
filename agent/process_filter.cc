#include "agent/process_filter.h"

#include <re2/re2.h>

#include <memory>

namespace stoker::agent {

Result<ProcessFilter::OfComm> comm_filter(const std::string& expression) {
  auto compiled = std::make_shared<RE2>(expression, RE2::Quiet);
  if (!compiled->ok()) {
    return make_error("bad expression '" + expression + "'", compiled->error());
  }
  return [compiled](std::string_view comm) {
    return RE2::PartialMatch(re2::StringPiece(comm.data(), comm.size()), *compiled);
  };
}

}  // namespace stoker::agent
