#include "symbolize/frame_ends.h"

#include <elf.h>

#include "base/byte_reader.h"

namespace stoker::symbolize {
namespace {

// DW_EH_PE_* (LSB Core, "DWARF Exception Header Encoding").
constexpr std::uint8_t kUdata4 = 0x03;
constexpr std::uint8_t kSdata4 = 0x0b;
constexpr std::uint8_t kPcRelative = 0x10;
constexpr std::uint8_t kDataRelative = 0x30;

constexpr std::size_t kHeaderSize = 12;  // version, 3 encodings, eh_frame_ptr, fde_count
constexpr std::size_t kEntrySize = 8;

std::int32_t number(ByteView bytes, std::size_t offset) {
  ByteReader reader(bytes);
  reader.seek(offset);
  return reader.i32();
}

// The pc_range of the FDE at this address, which a compiler writes as 4 bytes (pcrel|sdata4) in small code.
std::optional<std::uint64_t> range_of(const elf::ElfFile& file, std::uint64_t fde, std::uint64_t start) {
  for (const elf::ProgramHeader& header : file.program_headers()) {
    if (header.type != PT_LOAD || fde < header.address.value ||
        fde - header.address.value >= header.file_size) {
      continue;
    }
    ByteReader reader(file.raw(header));
    const std::uint64_t offset = fde - header.address.value;
    reader.seek(offset + 8);  // length, CIE pointer
    const std::uint64_t low = fde + 8 + static_cast<std::uint64_t>(std::int64_t{reader.i32()});
    const std::uint64_t length = reader.u32();
    if (reader.ok() && low == start) {
      return length;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> end_of_frame(const elf::ElfFile& file, std::uint64_t address) {
  const elf::ProgramHeader* header = file.find_program_header(PT_GNU_EH_FRAME);
  if (header == nullptr) {
    return std::nullopt;
  }
  const ByteView bytes = file.raw(*header);
  ByteReader reader(bytes);
  const std::uint8_t version = reader.u8();
  const std::uint8_t pointer_encoding = reader.u8();
  const std::uint8_t count_encoding = reader.u8();
  const std::uint8_t table_encoding = reader.u8();
  reader.u32();  // eh_frame_ptr
  const std::uint64_t count = reader.u32();
  if (!reader.ok() || version != 1 || pointer_encoding != (kPcRelative | kSdata4) ||
      count_encoding != kUdata4 || table_encoding != (kDataRelative | kSdata4) ||
      count > reader.remaining() / kEntrySize) {
    return std::nullopt;
  }
  const std::uint64_t base = header->address.value;
  const auto entry = [&](std::size_t index, std::size_t field) {
    const std::int64_t value = number(bytes, kHeaderSize + index * kEntrySize + field);
    return base + static_cast<std::uint64_t>(value);
  };
  std::size_t low = 0;
  std::size_t high = count;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (entry(middle, 0) <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) {
    return std::nullopt;
  }
  const std::uint64_t start = entry(low - 1, 0);
  const auto length = range_of(file, entry(low - 1, 4), start);
  if (!length || address - start >= *length) {
    return std::nullopt;
  }
  return start + *length;
}

}  // namespace stoker::symbolize
