// Where a split unit lies in a package of them (.dwp): .debug_cu_index (DWARF 5 §7.3.5.3, and GNU's version 2).
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "symbolize/dwarf/unit.h"

namespace stoker::symbolize::dwarf {

struct PackageEntry {
  std::uint64_t info = 0;  // offset of the unit in .debug_info.dwo
  UnitBases bases;         // abbreviations, str_offsets, rnglists
};

std::optional<PackageEntry> find_in_package(ByteView cu_index, std::uint64_t dwo_id);

}  // namespace stoker::symbolize::dwarf
