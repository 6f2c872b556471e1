// Says each thing once: a bad file is named in the log one time, however often its symbols are asked for.
#pragma once

#include <optional>
#include <string>
#include <unordered_set>

#include "base/error.h"
#include "base/log.h"

namespace stoker::symbolize {

// One thread's.
class Complaints {
 public:
  void once(const Error& error) {
    // Whoever runs on the host could otherwise fill our memory with the names of bad files.
    constexpr std::size_t kMost = 4096;
    if (said_.size() < kMost && said_.insert(error.message()).second) {
      log::warning("{}", error.message());
    }
  }
  void once(const std::optional<Error>& error) {
    if (error) {
      once(*error);
    }
  }

 private:
  std::unordered_set<std::string> said_;
};

}  // namespace stoker::symbolize
