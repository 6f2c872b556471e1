#include "elf/address.h"

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

}  // namespace stoker::elf
