// Three kinds of address meet in a profiler. They are different types, so that none is used as another.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>

namespace stoker::elf {

struct FileOffset {  // bytes from the start of the file
  std::uint64_t value = 0;
  auto operator<=>(const FileOffset&) const = default;
};
struct ElfAddress {  // as in p_vaddr, st_value, DWARF: what the linker assigned
  std::uint64_t value = 0;
  auto operator<=>(const ElfAddress&) const = default;
};
struct RunAddress {  // as in the process: where the kernel mapped it
  std::uint64_t value = 0;
  auto operator<=>(const RunAddress&) const = default;
};

// A PT_LOAD program header with PF_X (ELF gABI, "Program Header").
struct Segment {
  ElfAddress address;
  FileOffset offset;
  std::uint64_t size = 0;  // bytes in the file; memory beyond it is zero and never code
};

// One line of /proc/PID/maps that is backed by a file.
struct MappedRange {
  RunAddress start;
  RunAddress end;     // one past the last byte
  FileOffset offset;  // of start in the file
};

// offset = run - range.start + range.offset; nullopt outside the range.
std::optional<FileOffset> to_offset(RunAddress run, const MappedRange& range);

// elf = offset - segment.offset + segment.address, in the segment that holds the offset.
// The kernel maps whole pages, so a page may hold bytes of two segments: of several that could, the one that
// holds the offset in its file bytes wins. nullopt when none does (data mapped executable, or the file
// changed under us).
std::optional<ElfAddress> to_elf(FileOffset offset, std::span<const Segment> segments);

// offset = elf - segment.address + segment.offset.
std::optional<FileOffset> to_offset(ElfAddress address, std::span<const Segment> segments);

// The segment that a mapping shows: the first that shares file bytes with it. The kernel maps whole pages, so a mapping
// may begin before its segment. Null when there is none.
const Segment* shown_segment(const MappedRange& range, std::span<const Segment> segments);

}  // namespace stoker::elf
