// From an ELF file to the tables that walkers use.
#pragma once

#include <vector>

#include "base/error.h"
#include "elf/elf_file.h"
#include "unwind/table.h"

namespace stoker::unwind {

struct BuildLimits {
  // Rows of one segment; more is an error. The largest program known (2 GB of debug build) has 20 million.
  std::size_t rows = std::size_t{64} << 20;
};

// What a file's tables were made from; for `doctor`, debug logs and tests.
struct BuildStats {
  std::uint64_t functions = 0;         // FDEs (or Go functions) that gave rows
  std::uint64_t malformed = 0;         // entries that could not be read, or whose instructions went wrong
  std::uint64_t outside_segments = 0;  // FDEs that lie in no executable segment, or not wholly
  std::uint64_t overlapping = 0;       // FDEs cut short or dropped because another begins inside
  std::uint64_t unsupported_rows = 0;  // no rule can express them
};

struct UnwindTables {
  std::vector<UnwindTable> segments;  // one for each executable segment, by address
  BuildStats stats;

  // The table that covers an address; null outside.
  const UnwindTable* find(elf::ElfAddress address) const;
  std::size_t bytes() const;
};

// Every file with an executable segment gives a table; where the file says nothing, it says UNWIND_NONE. Time
// is linear in the file's frame sections and memory in the table, whatever the file's author wrote. An error
// only for machines other than x86-64 and aarch64, and past the limits. Any thread.
Result<UnwindTables> build_tables(const elf::ElfFile& file, const BuildLimits& limits = {});

}  // namespace stoker::unwind
