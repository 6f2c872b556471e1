#include "unwind/cfi.h"

#include <string_view>

namespace stoker::unwind {
namespace {

constexpr std::uint32_t kExtendedLength = 0xffffffff;  // a 64-bit length follows
constexpr std::uint8_t kFormatMask = 0x0f;
constexpr std::uint8_t kBaseMask = 0x70;

std::uint64_t read_format(ByteReader& reader, std::uint8_t format, unsigned address_size) {
  switch (format) {
    case 0x00:
      return reader.sized(address_size);
    case 0x01:
      return reader.uleb();
    case 0x02:
      return reader.u16();
    case 0x03:
      return reader.u32();
    case 0x04:
    case 0x0c:
      return reader.u64();
    case 0x09:
      return static_cast<std::uint64_t>(reader.sleb());
    case 0x0a:
      return static_cast<std::uint64_t>(std::int64_t{reader.i16()});
    case 0x0b:
      return static_cast<std::uint64_t>(std::int64_t{reader.i32()});
    default:
      reader.fail();
      return 0;
  }
}

}  // namespace

elf::ElfAddress read_pointer(ByteReader& reader, std::uint8_t encoding, unsigned address_size,
                             const CfiSection& section) {
  if (encoding == kPointerOmitted || (encoding & kPointerIndirect) != 0) {
    reader.fail();
    return {};
  }
  if (encoding == kPointerAligned) {
    const std::uint64_t at = section.address.value + reader.position();
    reader.skip(-at & 7);
    return {reader.u64()};
  }
  const std::uint64_t field = section.address.value + reader.position();
  const std::uint64_t value = read_format(reader, encoding & kFormatMask, address_size);
  switch (encoding & kBaseMask) {
    case kPointerAbsolute:
      return {value};
    case kPointerRelativeToField:
      return {field + value};
    case kPointerRelativeToText:
      return {section.text.value + value};
    case kPointerRelativeToData:
      return {section.data.value + value};
    default:
      reader.fail();
      return {};
  }
}

CfiReader::CfiReader(const CfiSection& section) : section_(section) {
  if (section_.bytes.size() >= kExtendedLength) {
    section_.bytes = {};
  }
}

std::optional<CfiReader::Entry> CfiReader::entry_at(std::uint64_t offset) {
  ByteReader reader(section_.bytes);
  reader.seek(offset);
  Entry entry{.offset = offset};
  std::uint64_t length = reader.u32();
  const bool wide = length == kExtendedLength;
  entry.wide = wide;
  if (wide) {
    length = reader.u64();
  }
  if (!reader.ok() || length > reader.remaining()) {
    return std::nullopt;
  }
  entry.end = reader.position() + length;
  if (length == 0) {
    entry.body = entry.end;
    return entry;
  }
  // .eh_frame's id is 4 bytes even behind a 64-bit length, and counts back from itself; .debug_frame's is an
  // offset in the section as wide as the format.
  const std::uint64_t id_position = reader.position();
  if (section_.kind == CfiKind::kEhFrame) {
    const std::uint32_t id = reader.u32();
    entry.is_cie = id == 0;
    entry.cie_offset = id <= id_position ? id_position - id : ~std::uint64_t{0};
  } else {
    const std::uint64_t id = wide ? reader.u64() : reader.u32();
    entry.is_cie = id == (wide ? ~std::uint64_t{0} : std::uint64_t{kExtendedLength});
    entry.cie_offset = id;
  }
  entry.body = reader.position();
  if (!reader.ok() || entry.body > entry.end) {
    entry.body = entry.end;  // too short for an id: read as an FDE without a body, which is malformed
    entry.is_cie = false;
  }
  return entry;
}

Cie CfiReader::read_cie(const Entry& entry) const {
  Cie cie;
  ByteReader reader(section_.bytes.first(static_cast<std::size_t>(entry.end)));
  reader.seek(entry.body);
  cie.version = reader.u8();
  if (cie.version != 1 && cie.version != 3 && cie.version != 4) {
    return cie;
  }
  const std::string_view augmentation = reader.cstr();
  if (augmentation == "eh") {
    reader.u64();  // EH Data of gcc 2
  }
  if (cie.version == 4) {
    cie.address_size = reader.u8();
    cie.segment_size = reader.u8();
  }
  cie.code_alignment = reader.uleb();
  cie.data_alignment = reader.sleb();
  cie.return_address = cie.version == 1 ? reader.u8() : reader.uleb();

  std::uint64_t augmentation_end = reader.position();
  bool known = augmentation.empty() || augmentation == "eh";
  if (augmentation.starts_with('z')) {
    cie.has_augmentation_size = true;
    const std::uint64_t size = reader.uleb();
    augmentation_end = reader.position() + std::min<std::uint64_t>(size, reader.remaining() + std::size_t{1});
    known = true;
    for (const char letter : augmentation.substr(1)) {
      if (letter == 'R') {
        cie.fde_encoding = reader.u8();
      } else if (letter == 'L') {
        reader.u8();
      } else if (letter == 'P') {
        const std::uint8_t encoding = reader.u8();
        if (encoding != kPointerOmitted) {
          // Where the personality routine is does not matter here, only how long the pointer is.
          read_pointer(reader, encoding & static_cast<std::uint8_t>(~kPointerIndirect), cie.address_size,
                       section_);
        }
      } else if (letter == 'S') {
        cie.signal_frame = true;
      } else if (letter != 'B' && letter != 'G') {  // aarch64: key B signs, tagged stack frames
        break;  // what follows belongs to a letter nobody knows: z skips it
      }
    }
  } else if (augmentation == "S") {
    cie.signal_frame = true;
    known = true;
  }
  if (!reader.ok() || !known || augmentation_end > entry.end || cie.segment_size > 8 ||
      (cie.address_size != 8 && cie.address_size != 4)) {
    return cie;
  }
  cie.program = {static_cast<std::uint32_t>(augmentation_end), static_cast<std::uint32_t>(entry.end)};
  cie.usable = true;
  return cie;
}

std::optional<std::uint32_t> CfiReader::cie_at(std::uint64_t offset) {
  if (offset == last_cie_offset_) {
    return last_cie_;
  }
  auto found = cie_by_offset_.find(offset);
  if (found == cie_by_offset_.end()) {
    const auto entry = entry_at(offset);
    if (!entry || !entry->is_cie) {
      return std::nullopt;
    }
    cies_.push_back(read_cie(*entry));
    found = cie_by_offset_.emplace(offset, static_cast<std::uint32_t>(cies_.size() - 1)).first;
  }
  last_cie_offset_ = offset;
  last_cie_ = found->second;
  return last_cie_;
}

std::optional<Fde> CfiReader::read_fde(const Entry& entry) {
  const auto index = cie_at(entry.cie_offset);
  if (!index || !cies_[*index].usable) {
    return std::nullopt;
  }
  const Cie& cie = cies_[*index];
  ByteReader reader(section_.bytes.first(static_cast<std::size_t>(entry.end)));
  reader.seek(entry.body);
  reader.skip(cie.segment_size);
  Fde fde;
  fde.offset = static_cast<std::uint32_t>(entry.offset);
  fde.cie = *index;
  fde.wide = entry.wide;
  fde.start = read_pointer(reader, cie.fde_encoding, cie.address_size, section_);
  fde.size = read_format(reader, cie.fde_encoding & kFormatMask, cie.address_size);
  if (cie.has_augmentation_size) {
    reader.skip(reader.uleb());
  }
  if (!reader.ok()) {
    return std::nullopt;
  }
  fde.program = {static_cast<std::uint32_t>(reader.position()), static_cast<std::uint32_t>(entry.end)};
  return fde;
}

std::optional<Fde> CfiReader::next() {
  while (position_ < section_.bytes.size()) {
    const auto entry = entry_at(position_);
    if (!entry) {
      ++malformed_;
      position_ = section_.bytes.size();
      return std::nullopt;
    }
    position_ = entry->end;
    if (entry->body == entry->end && entry->end - entry->offset == sizeof(std::uint32_t)) {
      if (section_.stops_at_terminator) {
        position_ = section_.bytes.size();
      }
      continue;
    }
    if (entry->is_cie) {
      continue;
    }
    if (auto fde = read_fde(*entry)) {
      return fde;
    }
    ++malformed_;
  }
  return std::nullopt;
}

std::optional<Fde> CfiReader::fde_at(std::uint32_t offset) {
  const auto entry = entry_at(offset);
  return entry && !entry->is_cie ? read_fde(*entry) : std::nullopt;
}

}  // namespace stoker::unwind
