// Units of .debug_info: their headers, and what a unit's own DIE says about all others in it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "symbolize/dwarf/abbreviations.h"
#include "symbolize/dwarf/form.h"
#include "symbolize/dwarf/sections.h"

namespace stoker::symbolize::dwarf {

// DWARF 5 §7.5.1. Offsets are from the section's start.
struct UnitHeader {
  std::uint64_t offset = 0;
  std::uint64_t end = 0;  // of the unit: where the next one starts
  std::uint64_t abbreviations = 0;
  std::uint64_t id = 0;         // dwo_id (§7.5.1.2), else 0
  std::uint32_t first_die = 0;  // from offset
  Layout layout;
  UnitType type = UnitType::kCompile;
  bool readable = false;  // a version, address size and type that this reader knows

  std::uint64_t die() const { return offset + first_die; }
};

// The unit at offset; nullopt at the section's end, or when not even the length can be trusted. A length past the
// section's end is cut there, so that a truncated section keeps its whole units.
std::optional<UnitHeader> read_unit_header(ByteView info, std::uint64_t offset);

// Which sections a unit's forms point into.
struct UnitSections {
  const Sections* own = nullptr;
  const Sections* skeleton = nullptr;  // .debug_addr and, before DWARF 5, .debug_ranges; own if not split
  const Sections* supplementary = nullptr;  // DW_FORM_strp_sup; may be null
  AbbreviationCache* tables = nullptr;      // of own
};

// Offsets that are added to those in the unit: where its contribution to a package starts (DWARF 5 §7.3.5.3), and
// what its own DIE has as bases.
struct UnitBases {
  std::uint64_t abbreviations = 0;  // of the package's contribution
  std::uint64_t str_offsets = 0;
  std::uint64_t addr = 0;
  std::uint64_t rnglists = 0;       // for indexes
  std::uint64_t rnglists_part = 0;  // of the package's contribution, for offsets
  std::uint64_t ranges = 0;         // DW_AT_GNU_ranges_base; 0 where it does not apply
  std::uint64_t low_pc = 0;         // what ranges are relative to
};

// A DIE's code ranges, as its attributes have them.
struct PcAttributes {
  FormValue low;
  FormValue high;
  FormValue ranges;
};

class Unit {
 public:
  // Reads the unit's own DIE. skeleton: the unit that a split one belongs to, which has part of its bases.
  // budget: of bytes of abbreviations to search. nullopt when the DIE cannot be read.
  static std::optional<Unit> read(const UnitHeader& header, const UnitSections& sections,
                                  const UnitBases& bases, const Unit* skeleton, std::uint64_t& budget);

  const UnitHeader& header() const { return header_; }
  const UnitSections& sections() const { return sections_; }
  const UnitBases& bases() const { return bases_; }
  Tag tag() const { return tag_; }
  const PcAttributes& pc() const { return pc_; }
  std::optional<std::uint64_t> line_offset() const { return line_offset_; }  // DW_AT_stmt_list
  std::string_view comp_dir() const { return text(comp_dir_); }
  std::string_view dwo_name() const { return text(dwo_name_); }
  std::uint64_t dwo_id() const { return dwo_id_; }
  bool names_split_unit() const { return static_cast<bool>(dwo_name_); }

  // The whole table, read at the first call.
  const Abbreviations& abbreviations() const;

  // A reader of the section from its start to the unit's end, standing at offset.
  ByteReader reader_at(std::uint64_t offset) const;

  // "" where the value is no text, points nowhere, or is longer than kLongestText (C++ names reach some ten thousand).
  static constexpr std::size_t kLongestText = 128 << 10;
  std::string_view text(const FormValue& value) const;
  std::optional<std::uint64_t> address(const FormValue& value) const;
  std::optional<std::uint64_t> address_at(std::uint64_t index) const;  // entry of .debug_addr

  // Calls visit(At, FormValue) for each attribute of the DIE at offset, kMostAttributes at most; nullopt when there
  // is no readable DIE.
  static constexpr unsigned kMostAttributes = 256;
  template <typename Visit>
  std::optional<Tag> visit_die(std::uint64_t offset, Visit&& visit) const {
    ByteReader reader = reader_at(offset);
    auto abbreviation = abbreviations().find(reader.uleb());
    if (!reader.ok() || !abbreviation) {
      return std::nullopt;
    }
    AttributeSpec spec;
    for (unsigned left = kMostAttributes; left > 0 && abbreviation->next(spec); --left) {
      const FormValue value = read_form(reader, spec.form, spec.implicit, header_.layout);
      if (!reader.ok()) {
        return std::nullopt;
      }
      visit(spec.name, value);
    }
    return abbreviation->tag();
  }

 private:
  Unit(const UnitHeader& header, const UnitSections& sections, const UnitBases& bases);
  bool read_own_die(const Unit* skeleton, std::uint64_t& budget);

  UnitHeader header_;
  UnitSections sections_;
  UnitBases bases_;
  Tag tag_{};
  PcAttributes pc_;
  std::optional<std::uint64_t> line_offset_;
  FormValue comp_dir_;
  FormValue dwo_name_;
  std::uint64_t dwo_id_ = 0;
  mutable std::shared_ptr<const Abbreviations> abbreviations_;
};

}  // namespace stoker::symbolize::dwarf
