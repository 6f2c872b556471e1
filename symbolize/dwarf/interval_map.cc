#include "symbolize/dwarf/interval_map.h"

#include <algorithm>
#include <tuple>

namespace stoker::symbolize::dwarf {

IntervalMap::IntervalMap(std::vector<AddressRange> ranges) {
  if (ranges.empty()) {
    return;
  }
  std::ranges::sort(ranges, [](const AddressRange& a, const AddressRange& b) {
    return std::tie(a.low, b.high, a.value) < std::tie(b.low, a.high, b.value);
  });
  base_ = ranges.front().low;
  // The ranges that are open at the sweep's position, in order of their start; ended ones are dropped when they
  // come to the top.
  std::vector<const AddressRange*> open;
  const auto close_until = [&](std::uint64_t position) {
    while (!open.empty() && open.back()->high <= position) {
      const std::uint64_t end = open.back()->high;
      while (!open.empty() && open.back()->high <= end) {
        open.pop_back();
      }
      append(end, open.empty() ? kNone : open.back()->value);
    }
  };
  for (const AddressRange& range : ranges) {
    if (range.low >= range.high || range.high - base_ > UINT32_MAX) {
      continue;
    }
    close_until(range.low);
    append(range.low, range.value);
    open.push_back(&range);
  }
  close_until(UINT64_MAX);
  starts_.shrink_to_fit();
  values_.shrink_to_fit();
}

void IntervalMap::append(std::uint64_t start, std::uint32_t value) {
  const auto offset = static_cast<std::uint32_t>(start - base_);
  if (!starts_.empty() && starts_.back() == offset) {
    values_.back() = value;
  } else if (values_.empty() || values_.back() != value) {
    starts_.push_back(offset);
    values_.push_back(value);
  }
}

std::optional<std::uint32_t> IntervalMap::find(std::uint64_t address) const {
  if (address < base_ || address - base_ > UINT32_MAX) {
    return std::nullopt;
  }
  const auto after = std::ranges::upper_bound(starts_, static_cast<std::uint32_t>(address - base_));
  if (after == starts_.begin()) {
    return std::nullopt;
  }
  const std::uint32_t value = values_[static_cast<std::size_t>(after - starts_.begin()) - 1];
  return value == kNone ? std::nullopt : std::optional(value);
}

}  // namespace stoker::symbolize::dwarf
