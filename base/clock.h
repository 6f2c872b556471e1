// Time in units that say which clock they are of.
#pragma once

#include <chrono>
#include <cstdint>

namespace stoker {

using Nanoseconds = std::chrono::nanoseconds;

// CLOCK_MONOTONIC: what samples (bpf_ktime_get_ns) and sideband records (use_clockid) are stamped with.
struct MonotonicTime {
  std::uint64_t ns = 0;
  auto operator<=>(const MonotonicTime&) const = default;
};

// CLOCK_REALTIME, since the epoch: what profiles are stamped with.
struct WallTime {
  std::int64_t ns = 0;
  auto operator<=>(const WallTime&) const = default;
};

MonotonicTime monotonic_now();
WallTime wall_now();

// CPU time this process has used so far, user and system, all threads.
Nanoseconds own_cpu_time();

}  // namespace stoker
