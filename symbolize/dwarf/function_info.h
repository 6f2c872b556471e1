// What the DIE of a function, or of an inlined call, says about it: partly itself, partly by the DIEs it refers to.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "symbolize/dwarf/debug_file.h"

namespace stoker::symbolize::dwarf {

// What a function is called, wherever it is inlined.
struct FunctionNames {
  std::string_view linkage_name;
  std::string_view name;
  std::uint64_t start_line = 0;

  bool complete() const { return !linkage_name.empty() && !name.empty() && start_line != 0; }
};

struct FunctionInfo {
  FunctionNames names;
  // Of an inlined call; the file is a number in the line table of the DIE's own unit, wherever the function itself
  // is described.
  std::uint64_t call_file = 0;
  std::uint64_t call_line = 0;
  PcAttributes pc;  // of the DIE itself
};

// Reads DIEs of functions. Remembers the names of those that others refer to: the same few functions are inlined again
// and again.
class FunctionReader {
 public:
  // Follows DW_AT_abstract_origin and DW_AT_specification, through other units and the supplementary file (link-time
  // optimisation and dwz put them there), for what is missing. A cycle ends after a few steps. The result has views
  // of the sections.
  FunctionInfo read(const DieRef& die);

  // To be called before a file that DIEs were read from is closed.
  void forget() { known_ = {}; }
  std::uint64_t memory_bytes() const { return known_.capacity() * sizeof(Known); }

 private:
  struct Known {
    const DebugFile* file = nullptr;
    std::uint64_t die = 0;
    FunctionNames names;
  };

  FunctionInfo read(const DieRef& die, unsigned depth);
  FunctionNames names_of(const DieRef& die, unsigned depth);

  std::vector<Known> known_;  // by a hash of the DIE; empty until the first
};

}  // namespace stoker::symbolize::dwarf
