#include "agent/range_allocator.h"

#include <iterator>

namespace stoker::agent {

std::optional<std::uint32_t> RangeAllocator::take(std::uint32_t count, MonotonicTime now) {
  while (!resting_.empty() && resting_.front().until <= now) {
    release(resting_.front().first, resting_.front().count);
    resting_.pop_front();
  }
  for (auto gap = free_.begin(); gap != free_.end(); ++gap) {
    const auto [first, size] = *gap;
    if (size < count) {
      continue;
    }
    free_.erase(gap);
    if (size > count) {
      free_.emplace(first + count, size - count);
    }
    used_ += count;
    return first;
  }
  return std::nullopt;
}

void RangeAllocator::give_back(std::uint32_t first, std::uint32_t count, MonotonicTime now) {
  resting_.push_back({first, count, {now.ns + kGraceNs}});
}

void RangeAllocator::release(std::uint32_t first, std::uint32_t count) {
  used_ -= count;
  auto next = free_.lower_bound(first);
  if (next != free_.end() && first + count == next->first) {
    count += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == first) {
      before->second += count;
      return;
    }
  }
  free_.emplace(first, count);
}

}  // namespace stoker::agent
