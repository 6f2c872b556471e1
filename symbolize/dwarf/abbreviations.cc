#include "symbolize/dwarf/abbreviations.h"

#include <algorithm>
#include <tuple>

namespace stoker::symbolize::dwarf {
namespace {

// False at the list's end (0, 0) and when the reader failed.
bool read_spec(ByteReader& reader, AttributeSpec& spec) {
  const std::uint64_t name = reader.uleb();
  const std::uint64_t form = reader.uleb();
  if (!reader.ok() || (name == 0 && form == 0)) {
    return false;
  }
  // Numbers past 16 bits are nobody's: as attribute 0 they are passed over, as form 0 they end the unit.
  spec.name = static_cast<At>(name > UINT16_MAX ? 0 : name);
  spec.form = static_cast<FormCode>(form > UINT16_MAX ? 0 : form);
  spec.implicit = spec.form == FormCode::kImplicitConst ? reader.sleb() : 0;
  return reader.ok();
}

}  // namespace

Abbreviation::Abbreviation(ByteReader& reader)
    : tag_(static_cast<Tag>(reader.uleb())), has_children_(reader.u8() != 0), specs_(reader) {}

bool Abbreviation::next(AttributeSpec& spec) {
  return read_spec(specs_, spec);
}

std::optional<Abbreviation> find_abbreviation(ByteView section, std::uint64_t offset, std::uint64_t code,
                                              std::uint64_t& budget) {
  if (offset >= section.size() || code == 0) {
    return std::nullopt;
  }
  const ByteView table = section.subspan(static_cast<std::size_t>(offset));
  ByteReader reader(table.first(std::min<std::uint64_t>(table.size(), budget)));
  std::optional<Abbreviation> result;
  while (!result) {
    const std::uint64_t found = reader.uleb();
    if (found == 0) {
      break;
    }
    const Abbreviation abbreviation(reader);
    if (!reader.ok()) {
      break;
    }
    if (found == code) {
      result = abbreviation;
    }
    AttributeSpec spec;
    while (read_spec(reader, spec)) {
    }
  }
  budget -= reader.position();
  return result;
}

Abbreviations::Abbreviations(ByteView section, std::uint64_t offset) {
  if (offset >= section.size()) {
    return;
  }
  table_ = section.subspan(static_cast<std::size_t>(offset));
  table_ = table_.first(std::min<std::size_t>(table_.size(), UINT32_MAX));
  ByteReader reader(table_);
  bool numbered = true;
  while (true) {
    const std::uint64_t code = reader.uleb();
    if (!reader.ok() || code == 0) {
      break;
    }
    const auto start = static_cast<std::uint32_t>(reader.position());
    const Abbreviation abbreviation(reader);
    AttributeSpec spec;
    while (read_spec(reader, spec)) {
    }
    if (!reader.ok()) {
      break;
    }
    const std::uint32_t position = count();
    if (numbered && code != position + std::uint64_t{1}) {
      numbered = false;
      for (std::uint32_t i = 0; i < position; ++i) {
        codes_.push_back({i + std::uint64_t{1}, i});
      }
    }
    if (!numbered) {
      codes_.push_back({code, position});
    }
    offsets_.push_back(start);
  }
  table_ = table_.first(reader.position());
  std::ranges::sort(codes_, [](const Code& a, const Code& b) {
    return std::tie(a.code, a.position) < std::tie(b.code, b.position);
  });
  offsets_.shrink_to_fit();
}

std::optional<std::uint32_t> Abbreviations::position(std::uint64_t code) const {
  if (codes_.empty()) {
    return code - 1 < offsets_.size() ? std::optional(static_cast<std::uint32_t>(code - 1)) : std::nullopt;
  }
  const auto found = std::ranges::lower_bound(codes_, code, {}, &Code::code);
  return found != codes_.end() && found->code == code ? std::optional(found->position) : std::nullopt;
}

std::optional<Abbreviation> Abbreviations::at(std::uint32_t position) const {
  if (position >= offsets_.size()) {
    return std::nullopt;
  }
  ByteReader reader(table_.subspan(offsets_[position]));
  return Abbreviation(reader);
}

std::optional<Abbreviation> Abbreviations::find(std::uint64_t code) const {
  const auto found = position(code);
  return found ? at(*found) : std::nullopt;
}

std::shared_ptr<const Abbreviations> AbbreviationCache::get(ByteView section, std::uint64_t offset) {
  constexpr std::uint64_t kNode = 64;  // of the hash table and the shared pointer, about
  auto& table = tables_[offset];
  if (!table) {
    table = std::make_shared<const Abbreviations>(section, offset);
    bytes_ += sizeof(Abbreviations) + table->memory_bytes() + kNode;
  }
  return table;
}

void AbbreviationCache::clear() {
  tables_.clear();
  bytes_ = 0;
}

}  // namespace stoker::symbolize::dwarf
