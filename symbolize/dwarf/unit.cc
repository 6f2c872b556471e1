#include "symbolize/dwarf/unit.h"

#include <algorithm>
#include <utility>

namespace stoker::symbolize::dwarf {
namespace {

constexpr std::uint32_t kLongFormat = 0xffffffff;  // the 64-bit format's mark (DWARF 5 §7.4)
constexpr std::uint32_t kFirstReserved = 0xfffffff0;
constexpr std::uint8_t kAddressSize = 8;

std::string_view text_at(ByteView section, std::uint64_t offset) {
  if (offset >= section.size()) {
    return {};
  }
  const ByteView rest = section.subspan(static_cast<std::size_t>(offset));
  return ByteReader(rest.first(std::min(rest.size(), Unit::kLongestText))).cstr();
}

// Table headers in front of what bases point to: length, version and two more bytes or shorts (DWARF 5 §7.26,
// §7.28).
std::uint64_t str_offsets_header(Layout layout) {
  return layout.offset_size == 8 ? 16 : 8;
}
std::uint64_t rnglists_header(Layout layout) {
  return layout.offset_size == 8 ? 20 : 12;
}

}  // namespace

std::optional<UnitHeader> read_unit_header(ByteView info, std::uint64_t offset) {
  ByteReader reader(info);
  reader.seek(offset);
  UnitHeader header;
  header.offset = offset;
  std::uint64_t length = reader.u32();
  if (length == kLongFormat) {
    header.layout.offset_size = 8;
    length = reader.u64();
  } else if (length >= kFirstReserved) {
    return std::nullopt;
  }
  if (!reader.ok()) {
    return std::nullopt;
  }
  header.end = reader.position() + std::min<std::uint64_t>(length, reader.remaining());

  const unsigned offset_size = header.layout.offset_size;
  const std::uint16_t version = reader.u16();
  std::uint8_t address_size = 0;
  if (version >= 5) {
    header.type = static_cast<UnitType>(reader.u8());
    address_size = reader.u8();
    header.abbreviations = reader.sized(offset_size);
    if (header.type == UnitType::kSkeleton || header.type == UnitType::kSplitCompile) {
      header.id = reader.u64();
    } else if (header.type == UnitType::kType || header.type == UnitType::kSplitType) {
      reader.u64();               // signature
      reader.sized(offset_size);  // offset of the type
    }
  } else {
    header.abbreviations = reader.sized(offset_size);
    address_size = reader.u8();
  }
  header.layout.version = static_cast<std::uint8_t>(std::min<std::uint16_t>(version, UINT8_MAX));
  header.first_die = static_cast<std::uint32_t>(reader.position() - offset);
  header.readable = reader.ok() && version >= 2 && version <= 5 && address_size == kAddressSize &&
                    std::to_underlying(header.type) >= 1 && std::to_underlying(header.type) <= 6 &&
                    header.die() < header.end;
  return header;
}

Unit::Unit(const UnitHeader& header, const UnitSections& sections, const UnitBases& bases)
    : header_(header), sections_(sections), bases_(bases) {}

std::optional<Unit> Unit::read(const UnitHeader& header, const UnitSections& sections, const UnitBases& bases,
                               const Unit* skeleton, std::uint64_t& budget) {
  if (!header.readable) {
    return std::nullopt;
  }
  Unit unit(header, sections, bases);
  if (!unit.read_own_die(skeleton, budget)) {
    return std::nullopt;
  }
  return unit;
}

bool Unit::read_own_die(const Unit* skeleton, std::uint64_t& budget) {
  ByteReader reader = reader_at(header_.die());
  const std::uint64_t code = reader.uleb();
  auto abbreviation = find_abbreviation(sections_.own->get(SectionId::kAbbrev),
                                        bases_.abbreviations + header_.abbreviations, code, budget);
  if (!reader.ok() || !abbreviation) {
    return false;
  }
  tag_ = abbreviation->tag();
  dwo_id_ = header_.id;

  // A package's contributions, and tables that no attribute points to, start with their header.
  const bool split = sections_.own->split();
  if (header_.layout.version >= 5) {
    bases_.str_offsets += str_offsets_header(header_.layout);
    bases_.rnglists_part = bases_.rnglists;
    bases_.rnglists += rnglists_header(header_.layout);
  }
  if (skeleton != nullptr) {
    bases_.addr = skeleton->bases_.addr;
    bases_.low_pc = skeleton->bases_.low_pc;
    bases_.ranges = header_.layout.version < 5 ? skeleton->bases_.ranges : 0;
    comp_dir_ = {};
  }
  AttributeSpec spec;
  while (abbreviation->next(spec)) {
    const FormValue value = read_form(reader, spec.form, spec.implicit, header_.layout);
    if (!reader.ok()) {
      return false;
    }
    switch (spec.name) {
      case At::kLowPc:
        pc_.low = value;
        break;
      case At::kHighPc:
        pc_.high = value;
        break;
      case At::kRanges:
        pc_.ranges = value;
        break;
      case At::kStmtList:
        line_offset_ = value.number;
        break;
      case At::kCompDir:
        comp_dir_ = value;
        break;
      case At::kDwoName:
      case At::kGnuDwoName:
        dwo_name_ = value;
        break;
      case At::kGnuDwoId:
        dwo_id_ = value.number;
        break;
      case At::kStrOffsetsBase:
        bases_.str_offsets = split ? bases_.str_offsets : value.number;
        break;
      case At::kAddrBase:
      case At::kGnuAddrBase:
        bases_.addr = value.number;
        break;
      case At::kRnglistsBase:
        bases_.rnglists = split ? bases_.rnglists : value.number;
        break;
      case At::kGnuRangesBase:
        bases_.ranges = value.number;
        break;
      default:
        break;
    }
  }
  if (const auto low = address(pc_.low)) {
    bases_.low_pc = *low;
  }
  return true;
}

const Abbreviations& Unit::abbreviations() const {
  if (!abbreviations_) {
    abbreviations_ = sections_.tables->get(sections_.own->get(SectionId::kAbbrev),
                                           bases_.abbreviations + header_.abbreviations);
  }
  return *abbreviations_;
}

ByteReader Unit::reader_at(std::uint64_t offset) const {
  const ByteView info = sections_.own->get(SectionId::kInfo);
  ByteReader reader(info.first(std::min<std::uint64_t>(header_.end, info.size())));
  if (offset < header_.die()) {
    reader.fail();
  }
  reader.seek(offset);
  return reader;
}

std::string_view Unit::text(const FormValue& value) const {
  switch (value.form) {
    case FormCode::kString:
      return value.text.size() < kLongestText ? value.text : std::string_view{};
    case FormCode::kStrp:
      return text_at(sections_.own->get(SectionId::kStr), value.number);
    case FormCode::kLineStrp:
      return text_at(sections_.own->get(SectionId::kLineStr), value.number);
    case FormCode::kStrpSup:
    case FormCode::kGnuStrpAlt:
      return sections_.supplementary == nullptr
                 ? std::string_view{}
                 : text_at(sections_.supplementary->get(SectionId::kStr), value.number);
    case FormCode::kStrx:
    case FormCode::kStrx1:
    case FormCode::kStrx2:
    case FormCode::kStrx3:
    case FormCode::kStrx4:
    case FormCode::kGnuStrIndex: {
      const unsigned width = header_.layout.offset_size;
      const ByteView table = sections_.own->get(SectionId::kStrOffsets);
      if (value.number > table.size() / width) {
        return {};
      }
      ByteReader reader(table);
      reader.seek(bases_.str_offsets + value.number * width);
      const std::uint64_t offset = reader.sized(width);
      return reader.ok() ? text_at(sections_.own->get(SectionId::kStr), offset) : std::string_view{};
    }
    default:
      return {};
  }
}

std::optional<std::uint64_t> Unit::address_at(std::uint64_t index) const {
  const ByteView table = sections_.skeleton->get(SectionId::kAddr);
  if (index > table.size() / kAddressSize) {
    return std::nullopt;
  }
  ByteReader reader(table);
  reader.seek(bases_.addr + index * kAddressSize);
  const std::uint64_t found = reader.u64();
  return reader.ok() ? std::optional(found) : std::nullopt;
}

std::optional<std::uint64_t> Unit::address(const FormValue& value) const {
  if (!is_address_form(value.form)) {
    return std::nullopt;
  }
  return value.form == FormCode::kAddr ? std::optional(value.number) : address_at(value.number);
}

}  // namespace stoker::symbolize::dwarf
