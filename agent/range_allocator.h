// Numbers handed out as ranges: places of tables in the long arrays of bpf/shared/walk_maps.h.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "base/clock.h"

namespace stoker::agent {

// First fit. Freed ranges rest for kGrace before they are given out again, so that a walk in the kernel that found an
// old place a moment ago still reads what belonged there. Not thread-safe.
class RangeAllocator {
 public:
  static constexpr std::uint64_t kGraceNs = 1'000'000'000;

  explicit RangeAllocator(std::uint32_t size) { free_.emplace(0, size); }

  // nullopt: no gap is large enough.
  std::optional<std::uint32_t> take(std::uint32_t count, MonotonicTime now);
  void give_back(std::uint32_t first, std::uint32_t count, MonotonicTime now);
  // Handed out or resting.
  std::uint64_t used() const { return used_; }

 private:
  struct Resting {
    std::uint32_t first;
    std::uint32_t count;
    MonotonicTime until;
  };

  void release(std::uint32_t first, std::uint32_t count);

  std::map<std::uint32_t, std::uint32_t> free_;  // first → count, never adjacent
  std::deque<Resting> resting_;
  std::uint64_t used_ = 0;
};

}  // namespace stoker::agent
