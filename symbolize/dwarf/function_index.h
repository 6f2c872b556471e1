// A unit's functions and inlined calls by address.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "symbolize/dwarf/code_ranges.h"
#include "symbolize/dwarf/interval_map.h"
#include "symbolize/dwarf/range_list.h"
#include "symbolize/dwarf/unit.h"

namespace stoker::symbolize::dwarf {

// Made by one pass over the unit's DIEs that steps over everything but the code ranges of subprograms and
// inlined subroutines; names stay where they are.
class FunctionIndex {
 public:
  struct Entry {
    std::uint32_t die = 0;    // offset from the unit's start
    std::uint32_t outer = 0;  // entry this one is inlined into; kNone for a function of its own
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;

  FunctionIndex() = default;
  // A malformed unit is indexed up to the fault. Units of 4 GiB and more are not.
  FunctionIndex(const Unit& unit, const CodeRanges& code);

  // The innermost function or inlined call at the address.
  std::optional<std::uint32_t> find(std::uint64_t address) const { return ranges_.find(address); }
  const Entry& entry(std::uint32_t index) const { return entries_[index]; }
  std::uint64_t memory_bytes() const { return ranges_.memory_bytes() + entries_.capacity() * sizeof(Entry); }

 private:
  std::vector<Entry> entries_;
  IntervalMap ranges_;
};

// The code ranges of all functions of the unit, for one whose own DIE has none. `value` of each is `value`.
void append_function_ranges(const Unit& unit, const CodeRanges& code, std::uint32_t value,
                            std::vector<AddressRange>& out);

}  // namespace stoker::symbolize::dwarf
