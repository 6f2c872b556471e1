// The debug sections of one file, each inflated when it is first asked for.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "elf/elf_file.h"

namespace stoker::symbolize::dwarf {

enum class SectionId : std::uint8_t {
  kInfo,
  kAbbrev,
  kLine,
  kStr,
  kLineStr,
  kStrOffsets,
  kAddr,
  kRanges,
  kRnglists,
  kCuIndex,
  kCount,
};

// Heap that reading all these sections of file takes: what compressed ones say they inflate to. 0 where none is compressed.
std::uint64_t inflated_bytes(const elf::ElfFile& file);

class Sections {
 public:
  // split: the file is a .dwo or .dwp, whose sections' names end in ".dwo" (DWARF 5 §7.3.2).
  Sections(std::shared_ptr<const elf::ElfFile> file, bool split) : file_(std::move(file)), split_(split) {}

  // Empty for a section that is absent or cannot be inflated.
  ByteView get(SectionId id) const;
  bool split() const { return split_; }
  std::uint64_t memory_bytes() const;

 private:
  struct Slot {
    bool loaded = false;
    elf::SectionBytes bytes;
  };
  std::shared_ptr<const elf::ElfFile> file_;
  bool split_;
  mutable std::array<Slot, static_cast<std::size_t>(SectionId::kCount)> slots_;
};

}  // namespace stoker::symbolize::dwarf
