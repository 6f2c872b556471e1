// Which processes are wanted, where only user space can tell.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "discovery/containers.h"

namespace stoker::agent {

// Judges processes that the kernel side is undecided about; empty functions where the filter needs none. Asked once for
// each name or process; any thread.
struct ProcessFilter {
  using OfComm = std::function<bool(std::string_view comm)>;
  OfComm comm;                                                             // FILTER_COMM
  std::function<bool(const discovery::ContainerId& container)> container;  // FILTER_PROCESS
};

// Names in which the regular expression (RE2 syntax) matches anywhere. The error says what is wrong with it.
Result<ProcessFilter::OfComm> comm_filter(const std::string& expression);

}  // namespace stoker::agent
