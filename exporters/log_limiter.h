// Says the same thing to the log once a while, not once a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"

namespace stoker::exporters {

// Single-threaded. Keys are few: reasons, not messages.
class LogLimiter {
 public:
  explicit LogLimiter(Nanoseconds pause) : pause_(pause) {}

  // How many times this key was silenced since it was last said; nullopt when it is to stay silent now.
  std::optional<std::uint64_t> may_say(const std::string& key, MonotonicTime now);

 private:
  struct State {
    MonotonicTime next;
    std::uint64_t silenced = 0;
  };

  Nanoseconds pause_;
  std::map<std::string, State> states_;
};

}  // namespace stoker::exporters
