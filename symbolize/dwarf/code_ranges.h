// Which addresses of a file are code: the test for tombstones.
#pragma once

#include <cstdint>
#include <vector>

#include "elf/elf_file.h"

namespace stoker::symbolize::dwarf {

// What a linker drops (--gc-sections, COMDAT duplicates) keeps its DIEs and line sequences, at addresses that
// mean nothing: 0, 1, -1, -2, by linker and section. A range counts only if it starts in one of these ranges:
// the executable sections, or the executable segments of a file without section headers. (Segments alone
// would not do: the one that starts at 0 in some shared objects begins with the ELF header.)
class CodeRanges {
 public:
  explicit CodeRanges(const elf::ElfFile& file);

  bool holds(std::uint64_t address) const;
  std::uint64_t lowest() const { return ranges_.empty() ? 0 : ranges_.front().low; }

 private:
  struct Range {
    std::uint64_t low;
    std::uint64_t high;
  };
  std::vector<Range> ranges_;  // sorted, apart
};

}  // namespace stoker::symbolize::dwarf
