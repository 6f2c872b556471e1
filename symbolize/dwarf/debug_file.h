// One file with .debug_info: the list of its units, and those of them that were read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "symbolize/dwarf/unit.h"

namespace stoker::symbolize::dwarf {

class DebugFile;

// A DIE: offsets count from the section's start, as in DW_FORM_ref_addr.
struct DieRef {
  DebugFile* file = nullptr;
  const Unit* unit = nullptr;
  std::uint64_t offset = 0;
};

class DebugFile {
 public:
  // supplementary: what DW_FORM_ref_sup and strp_sup point into; null if there is none. skeletons: the file with the
  // skeleton units, for a .dwo or .dwp. Both outlive this. complain is told once of what cannot be read.
  DebugFile(std::shared_ptr<const elf::ElfFile> file, bool split, DebugFile* supplementary,
            DebugFile* skeletons, Complain complain = {})
      : file_(std::move(file)),
        sections_(file_, split, std::move(complain)),
        supplementary_(supplementary),
        skeletons_(skeletons) {}

  const elf::ElfFile& file() const { return *file_; }
  const Sections& sections() const { return sections_; }
  DebugFile* supplementary() const { return supplementary_; }

  // All units by offset, found by skipping from header to header at the first call.
  const std::vector<UnitHeader>& units();

  // The unit, its own DIE read; null when that cannot be done, or when the units that are kept have grown past
  // kMostKept (one address of a hostile file may lead through all its units). Valid until forget_units().
  const Unit* unit(std::size_t index);
  const Unit* unit_holding(std::uint64_t offset);
  // A unit that is not kept. budget: bytes of abbreviations that may be searched.
  std::optional<Unit> read_unit(const UnitHeader& header, std::uint64_t& budget);
  // The split unit whose header is at `bases`' and offset's place, kept like the others.
  const Unit* split_unit(std::uint64_t offset, const UnitBases& bases, const Unit& skeleton);

  // Where a reference of `from` leads; no unit when it leads nowhere.
  DieRef resolve(const Unit& from, const FormValue& value);

  // What reading all units' own DIEs may cost in bytes of abbreviations: each is searched only from the table's
  // start to that DIE's code, but a hostile file could make every such search long.
  std::uint64_t abbreviation_budget() const;

  void forget_units();
  std::uint64_t memory_bytes() const;
  // The part of it that forget_units() frees.
  std::uint64_t unit_memory_bytes() const;

 private:
  static constexpr std::uint64_t kMostKept = 64 << 20;

  UnitSections unit_sections();

  std::shared_ptr<const elf::ElfFile> file_;
  Sections sections_;
  DebugFile* supplementary_;
  DebugFile* skeletons_;
  bool listed_ = false;
  std::vector<UnitHeader> units_;
  std::unordered_map<std::uint64_t, std::unique_ptr<const Unit>> kept_;  // by offset; null: not readable
  AbbreviationCache tables_;
};

}  // namespace stoker::symbolize::dwarf
