// The code that a DIE covers: DW_AT_low_pc and high_pc, or a range list.
#pragma once

#include <cstdint>
#include <vector>

#include "symbolize/dwarf/unit.h"

namespace stoker::symbolize::dwarf {

struct PcRange {
  std::uint64_t low = 0;
  std::uint64_t high = 0;  // one past the last byte; > low
};

// Ranges that are kept of one unit, or of all units' own: an order above the largest seen, and 100 MiB while the index
// is made.
constexpr std::uint64_t kMostRanges = 1 << 22;

// Appends to `out` the DIE's ranges as the file has them, tombstones among them. Reads at most `limit` list entries
// and takes what it read from limit, so that many DIEs that share one long list cost no more than the section
// is long. A malformed list gives its ranges before the fault.
void read_ranges(const Unit& unit, const PcAttributes& pc, std::vector<PcRange>& out, std::uint64_t& limit);

}  // namespace stoker::symbolize::dwarf
