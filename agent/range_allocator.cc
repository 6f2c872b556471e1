#include "agent/range_allocator.h"

#include <algorithm>
#include <iterator>

namespace stoker::agent {

std::optional<std::uint32_t> RangeAllocator::take(std::uint32_t count, MonotonicTime now) {
  while (!resting_.empty() && resting_.front().until <= now) {
    add_gap(free_, resting_.front().first, resting_.front().count);
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
    handed_out_ += count;
    return first;
  }
  return std::nullopt;
}

void RangeAllocator::give_back(std::uint32_t first, std::uint32_t count, MonotonicTime now) {
  resting_.push_back({first, count, {now.ns + kGraceNs}});
  handed_out_ -= count;
}

bool RangeAllocator::room_to_come(std::uint32_t count) const {
  Gaps gaps = free_;
  for (const Resting& range : resting_) {
    add_gap(gaps, range.first, range.count);
  }
  return std::ranges::any_of(gaps, [count](const auto& gap) { return gap.second >= count; });
}

void RangeAllocator::add_gap(Gaps& gaps, std::uint32_t first, std::uint32_t count) {
  auto next = gaps.lower_bound(first);
  if (next != gaps.end() && first + count == next->first) {
    count += next->second;
    next = gaps.erase(next);
  }
  if (next != gaps.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == first) {
      before->second += count;
      return;
    }
  }
  gaps.emplace(first, count);
}

}  // namespace stoker::agent
