#include "base/clock.h"

#include <ctime>

namespace stoker {
namespace {

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

MonotonicTime monotonic_now() {
  return {static_cast<std::uint64_t>(read_clock(CLOCK_MONOTONIC))};
}
WallTime wall_now() {
  return {read_clock(CLOCK_REALTIME)};
}
Nanoseconds own_cpu_time() {
  return Nanoseconds{read_clock(CLOCK_PROCESS_CPUTIME_ID)};
}

}  // namespace stoker
