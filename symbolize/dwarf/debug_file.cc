#include "symbolize/dwarf/debug_file.h"

#include <algorithm>

#include "symbolize/dwarf/sparse_reading.h"

namespace stoker::symbolize::dwarf {
namespace {

// Ten times what a browser's debug file holds, type units among them; 128 MiB of headers.
constexpr std::size_t kMostUnits = 1 << 21;

}  // namespace

const std::vector<UnitHeader>& DebugFile::units() {
  if (!listed_) {
    listed_ = true;
    const ByteView info = sections_.get(SectionId::kInfo);
    std::uint64_t offset = 0;
    SparseReading reading(*file_, info);
    while (units_.size() < kMostUnits) {
      reading.step();
      const auto header = read_unit_header(info, offset);
      if (!header) {
        if (offset < info.size()) {
          sections_.report("no unit header", offset, SectionId::kInfo);
        }
        break;
      }
      if (!header->readable) {
        sections_.report("a unit of an unknown kind", offset, SectionId::kInfo);
      }
      units_.push_back(*header);
      offset = header->end;
    }
    units_.shrink_to_fit();
  }
  return units_;
}

UnitSections DebugFile::unit_sections() {
  return {&sections_, skeletons_ == nullptr ? &sections_ : &skeletons_->sections_,
          supplementary_ == nullptr ? nullptr : &supplementary_->sections_, &tables_};
}

std::uint64_t DebugFile::abbreviation_budget() const {
  constexpr std::uint64_t kLeast = 16 << 20;
  constexpr std::uint64_t kTimes = 64;
  const std::uint64_t size =
      sections_.get(SectionId::kAbbrev).size() + sections_.get(SectionId::kInfo).size();
  return kLeast + kTimes * size;
}

std::optional<Unit> DebugFile::read_unit(const UnitHeader& header, std::uint64_t& budget) {
  auto unit = Unit::read(header, unit_sections(), {}, nullptr, budget);
  if (!unit) {
    sections_.report("a bad unit", header.offset, SectionId::kInfo);
  }
  return unit;
}

const Unit* DebugFile::unit(std::size_t index) {
  const UnitHeader& header = units()[index];
  if (unit_memory_bytes() > kMostKept && !kept_.contains(header.offset)) {
    return nullptr;
  }
  const auto [slot, added] = kept_.try_emplace(header.offset);
  if (added) {
    std::uint64_t budget = sections_.get(SectionId::kAbbrev).size();
    if (auto unit = read_unit(header, budget)) {
      slot->second = std::make_unique<const Unit>(*std::move(unit));
    }
  }
  return slot->second.get();
}

const Unit* DebugFile::unit_holding(std::uint64_t offset) {
  const auto& all = units();
  const auto after = std::ranges::upper_bound(all, offset, {}, &UnitHeader::offset);
  if (after == all.begin() || offset >= std::prev(after)->end) {
    return nullptr;
  }
  return unit(static_cast<std::size_t>(after - all.begin()) - 1);
}

const Unit* DebugFile::split_unit(std::uint64_t offset, const UnitBases& bases, const Unit& skeleton) {
  const auto [slot, added] = kept_.try_emplace(offset);
  if (added) {
    std::uint64_t budget = sections_.get(SectionId::kAbbrev).size();
    const auto header = read_unit_header(sections_.get(SectionId::kInfo), offset);
    auto unit = header ? Unit::read(*header, unit_sections(), bases, &skeleton, budget) : std::nullopt;
    if (unit) {
      slot->second = std::make_unique<const Unit>(*std::move(unit));
    }
  }
  return slot->second.get();
}

DieRef DebugFile::resolve(const Unit& from, const FormValue& value) {
  switch (value.form) {
    case FormCode::kRef1:
    case FormCode::kRef2:
    case FormCode::kRef4:
    case FormCode::kRef8:
    case FormCode::kRefUdata: {
      const UnitHeader& header = from.header();
      if (value.number >= header.end - header.offset) {
        return {};
      }
      return {this, &from, header.offset + value.number};
    }
    case FormCode::kRefAddr:
      return {this, unit_holding(value.number), value.number};
    case FormCode::kRefSup4:
    case FormCode::kRefSup8:
    case FormCode::kGnuRefAlt:
      if (supplementary_ == nullptr) {
        return {};
      }
      return {supplementary_, supplementary_->unit_holding(value.number), value.number};
    default:
      return {};
  }
}

void DebugFile::forget_units() {
  kept_.clear();
  tables_.clear();
}

std::uint64_t DebugFile::unit_memory_bytes() const {
  constexpr std::uint64_t kNode = 48;  // of the hash table, about
  return kept_.size() * (sizeof(Unit) + kNode) + tables_.memory_bytes();
}

std::uint64_t DebugFile::memory_bytes() const {
  return sections_.memory_bytes() + units_.capacity() * sizeof(UnitHeader) + unit_memory_bytes();
}

}  // namespace stoker::symbolize::dwarf
