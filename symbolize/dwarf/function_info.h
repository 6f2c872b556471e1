// What the DIE of a function, or of an inlined call, says about it: partly itself, partly by the DIEs it refers to.
#pragma once

#include <cstdint>
#include <string_view>

#include "symbolize/dwarf/debug_file.h"

namespace stoker::symbolize::dwarf {

struct FunctionInfo {
  std::string_view linkage_name;
  std::string_view name;
  std::uint64_t start_line = 0;
  // Of an inlined call; the file is a number in the line table of the DIE's own unit, wherever the function itself
  // is described.
  std::uint64_t call_file = 0;
  std::uint64_t call_line = 0;
  PcAttributes pc;  // of the DIE itself
};

// Follows DW_AT_abstract_origin and DW_AT_specification, through other units and the supplementary file (link-time
// optimisation and dwz put them there), for what is missing. A cycle ends after a few steps.
FunctionInfo describe_function(const DieRef& die);

}  // namespace stoker::symbolize::dwarf
