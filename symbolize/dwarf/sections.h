// The debug sections of one file, each inflated when it is first asked for.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/error.h"
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

// Heap that reading all these sections of file takes: what compressed ones say they inflate to. 0 where none is
// compressed. Sections of split units are counted as well.
std::uint64_t inflated_bytes(const elf::ElfFile& file);

// Told what cannot be read.
using Complain = std::function<void(const Error&)>;

class Sections {
 public:
  // split: the file is a .dwo or .dwp, whose sections' names end in ".dwo" (DWARF 5 §7.3.2).
  Sections(std::shared_ptr<const elf::ElfFile> file, bool split, Complain complain = {})
      : file_(std::move(file)), split_(split), complain_(std::move(complain)) {}

  // Empty for a section that is absent or cannot be inflated.
  ByteView get(SectionId id) const;
  bool split() const { return split_; }

  // Complains, the first time for this file, that a part of its debug data cannot be read: `part` at this offset of a
  // section.
  void report(std::string_view part, std::uint64_t offset, SectionId section) const;
  std::uint64_t memory_bytes() const;

 private:
  struct Slot {
    bool loaded = false;
    elf::SectionBytes bytes;
  };
  std::shared_ptr<const elf::ElfFile> file_;
  void report(const Error& error) const;

  bool split_;
  Complain complain_;
  mutable bool reported_ = false;
  mutable std::array<Slot, static_cast<std::size_t>(SectionId::kCount)> slots_;
};

}  // namespace stoker::symbolize::dwarf
