#include "exporters/log_limiter.h"

#include <utility>

namespace stoker::exporters {

std::optional<std::uint64_t> LogLimiter::may_say(const std::string& key, MonotonicTime now) {
  State& state = states_[key];
  if (now < state.next) {
    ++state.silenced;
    return std::nullopt;
  }
  state.next = {now.ns + static_cast<std::uint64_t>(pause_.count())};
  return std::exchange(state.silenced, 0);
}

}  // namespace stoker::exporters
