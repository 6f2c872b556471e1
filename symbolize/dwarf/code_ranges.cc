#include "symbolize/dwarf/code_ranges.h"

#include <elf.h>

#include <algorithm>

namespace stoker::symbolize::dwarf {

CodeRanges::CodeRanges(const elf::ElfFile& file) {
  std::vector<Range> all;
  const auto add = [&all](std::uint64_t low, std::uint64_t size) {
    if (size != 0 && size <= UINT64_MAX - low) {
      all.push_back({low, low + size});
    }
  };
  constexpr std::uint64_t kCode = SHF_ALLOC | SHF_EXECINSTR;
  for (const elf::Section& section : file.sections()) {
    if ((section.flags & kCode) == kCode) {
      add(section.address.value, section.size);
    }
  }
  if (all.empty()) {
    for (const elf::ProgramHeader& header : file.program_headers()) {
      if (header.type == PT_LOAD && (header.flags & PF_X) != 0) {
        add(header.address.value, header.memory_size);
      }
    }
  }
  std::ranges::sort(all, {}, &Range::low);
  for (const Range& range : all) {
    if (!ranges_.empty() && range.low <= ranges_.back().high) {
      ranges_.back().high = std::max(ranges_.back().high, range.high);
    } else {
      ranges_.push_back(range);
    }
  }
}

bool CodeRanges::holds(std::uint64_t address) const {
  const auto after = std::ranges::upper_bound(ranges_, address, {}, &Range::low);
  return after != ranges_.begin() && address < std::prev(after)->high;
}

}  // namespace stoker::symbolize::dwarf
