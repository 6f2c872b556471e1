// A section's FDEs that lie in one segment, in order of address.
#pragma once

#include <vector>

#include "unwind/cfi.h"
#include "unwind/table_builder.h"

namespace stoker::unwind {

enum class RowSource : std::uint8_t { kEhFrame, kDebugFrame, kGo, kSframe };

// Sixteen bytes, because a large program has a million of them while its table is made.
struct IndexedFde {
  std::uint32_t start = 0;   // from the segment table's base
  std::uint32_t end = 0;     // likewise; above start
  std::uint32_t offset = 0;  // of the entry in its section; kGo, kSframe: the function's index
  // Of most entries, so that they need not be read twice: bytes from the entry to its program (0: not of this one), CIE.
  std::uint16_t program = 0;
  std::uint8_t cie = 0;
  RowSource source = RowSource::kEhFrame;
};

// base: what start and end count from; limit: the segment's end, less than 4 GiB above. Entries rise in
// start and do not overlap: of two that do, the earlier ends where the later begins, and of two that begin
// together the first in the section stays.
std::vector<IndexedFde> index_fdes(CfiReader& reader, elf::ElfAddress base, elf::ElfAddress segment_start,
                                   elf::ElfAddress limit, BuildStats& stats);

// first, and of second what lies in its gaps (an FDE that begins in a gap is cut where the gap ends).
std::vector<IndexedFde> fill_gaps(std::vector<IndexedFde> first, std::span<const IndexedFde> second);

}  // namespace stoker::unwind
