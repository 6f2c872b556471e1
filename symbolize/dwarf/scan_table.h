// An abbreviation table compiled for running over a unit's DIEs at speed.
#pragma once

#include <cstdint>
#include <vector>

#include "symbolize/dwarf/unit.h"

namespace stoker::symbolize::dwarf {

enum class DieKind : std::uint8_t {
  kOther,
  kSubprogram,
  kInlined,
  kCodeless,  // neither it nor what is below it has code, and DW_AT_sibling says where it ends
};

// One step over a DIE's bytes: a run of attributes of known size, an attribute that has to be measured, or one
// that is wanted.
struct ScanStep {
  bool wanted = false;
  Skip skip = Skip::kFixed;   // not wanted
  At name{};                  // wanted
  FormCode form{};            // wanted
  std::uint32_t bytes = 0;    // kFixed
  std::int64_t implicit = 0;  // wanted
};

struct ScanPlan {
  DieKind kind = DieKind::kOther;
  bool has_children = false;
  std::uint16_t steps = 0;
  std::uint32_t first_step = 0;
};

class ScanTable {
 public:
  explicit ScanTable(const Unit& unit);

  // Null for a code that is not declared.
  const ScanPlan* find(std::uint64_t code) const {
    const auto position = abbreviations_.position(code);
    return position ? &plans_[*position] : nullptr;
  }
  // Whether any DIE of this table can have code: if not, the unit need not be run over.
  bool has_code() const { return has_code_; }

  struct Found {
    PcAttributes pc;
    std::uint64_t sibling = 0;  // from the unit's start; 0 when there is none
  };
  // Takes the reader over one DIE's attributes. What is wanted of it goes into found.
  void run(const ScanPlan& plan, ByteReader& reader, Found& found) const;

 private:
  void compile(Abbreviation abbreviation);

  const Abbreviations& abbreviations_;
  Layout layout_;
  bool has_code_ = false;
  std::vector<ScanPlan> plans_;
  std::vector<ScanStep> steps_;
};

}  // namespace stoker::symbolize::dwarf
