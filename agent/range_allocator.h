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

  explicit RangeAllocator(std::uint32_t size) : size_(size) { free_.emplace(0, size); }

  // nullopt: no gap is large enough.
  std::optional<std::uint32_t> take(std::uint32_t count, MonotonicTime now);
  void give_back(std::uint32_t first, std::uint32_t count, MonotonicTime now);
  // Whether take() would find a gap if all that rests were free again.
  bool room_to_come(std::uint32_t count) const;
  std::uint32_t size() const { return size_; }
  std::uint64_t handed_out() const { return handed_out_; }

 private:
  struct Resting {
    std::uint32_t first;
    std::uint32_t count;
    MonotonicTime until;
  };

  using Gaps = std::map<std::uint32_t, std::uint32_t>;  // first → count, never adjacent

  static void add_gap(Gaps& gaps, std::uint32_t first, std::uint32_t count);

  std::uint32_t size_;
  Gaps free_;
  std::deque<Resting> resting_;
  std::uint64_t handed_out_ = 0;
};

}  // namespace stoker::agent
