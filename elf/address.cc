#include "elf/address.h"

#include <algorithm>

namespace stoker::elf {

std::optional<FileOffset> to_offset(RunAddress run, const MappedRange& range) {
  if (run < range.start || run >= range.end) {
    return std::nullopt;
  }
  return FileOffset{run.value - range.start.value + range.offset.value};
}

std::optional<ElfAddress> to_elf(FileOffset offset, std::span<const Segment> segments) {
  for (const Segment& segment : segments) {
    if (offset >= segment.offset && offset.value - segment.offset.value < segment.size) {
      return ElfAddress{offset.value - segment.offset.value + segment.address.value};
    }
  }
  return std::nullopt;
}

std::optional<FileOffset> to_offset(ElfAddress address, std::span<const Segment> segments) {
  for (const Segment& segment : segments) {
    if (address >= segment.address && address.value - segment.address.value < segment.size) {
      return FileOffset{address.value - segment.address.value + segment.offset.value};
    }
  }
  return std::nullopt;
}

const Segment* shown_segment(const MappedRange& range, std::span<const Segment> segments) {
  const std::uint64_t first = range.offset.value;
  const std::uint64_t last = first + (range.end.value - range.start.value);
  const auto shown = [&](const Segment& segment) {
    return segment.offset.value < last && segment.offset.value + segment.size > first;
  };
  const auto found = std::ranges::find_if(segments, shown);
  return found == segments.end() ? nullptr : &*found;
}

}  // namespace stoker::elf
