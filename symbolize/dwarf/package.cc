#include "symbolize/dwarf/package.h"

#include <bit>

#include "base/byte_reader.h"

namespace stoker::symbolize::dwarf {
namespace {

// Section numbers of the index's columns: the same in both versions but for the last.
constexpr std::uint32_t kInfo = 1;
constexpr std::uint32_t kAbbrev = 3;
constexpr std::uint32_t kStrOffsets = 6;
constexpr std::uint32_t kRnglists = 8;  // version 5; in version 2 it is .debug_macro

// Row (from 1) of a signature in the index's hash table; 0 when it is not there.
std::uint32_t find_row(ByteReader index, std::uint32_t slots, std::uint64_t dwo_id) {
  const std::size_t table = index.position();
  const std::uint32_t mask = slots - 1;
  auto slot = static_cast<std::uint32_t>(dwo_id) & mask;
  const std::uint32_t stride = (static_cast<std::uint32_t>(dwo_id >> 32) & mask) | 1;
  for (std::uint32_t tries = 0; tries < slots; ++tries) {
    index.seek(table + std::uint64_t{slot} * 8);
    const std::uint64_t signature = index.u64();
    index.seek(table + std::uint64_t{slots} * 8 + std::uint64_t{slot} * 4);
    const std::uint32_t row = index.u32();
    if (!index.ok() || row == 0) {
      return 0;
    }
    if (signature == dwo_id) {
      return row;
    }
    slot = (slot + stride) & mask;
  }
  return 0;
}

}  // namespace

std::optional<PackageEntry> find_in_package(ByteView cu_index, std::uint64_t dwo_id) {
  ByteReader reader(cu_index);
  // Version 2 is 32 bits wide, version 5 has 16 and padding.
  const std::uint32_t version = reader.u32();
  const std::uint32_t columns = reader.u32();
  const std::uint32_t units = reader.u32();
  const std::uint32_t slots = reader.u32();
  if (!reader.ok() || (version != 2 && version != 5) || !std::has_single_bit(slots) ||
      slots > reader.remaining() / 12 || columns > reader.remaining() / 4) {
    return std::nullopt;
  }
  const std::uint32_t row = find_row(reader, slots, dwo_id);
  if (row == 0 || row > units) {
    return std::nullopt;
  }
  PackageEntry entry;
  bool found = false;
  const std::uint64_t names = reader.position() + std::uint64_t{slots} * 12;
  const std::uint64_t offsets = names + std::uint64_t{row} * columns * 4;
  for (std::uint32_t column = 0; column < columns; ++column) {
    reader.seek(names + std::uint64_t{column} * 4);
    const std::uint32_t name = reader.u32();
    reader.seek(offsets + std::uint64_t{column} * 4);
    const std::uint32_t offset = reader.u32();
    if (name == kInfo) {
      entry.info = offset;
      found = true;
    } else if (name == kAbbrev) {
      entry.bases.abbreviations = offset;
    } else if (name == kStrOffsets) {
      entry.bases.str_offsets = offset;
    } else if (name == kRnglists && version == 5) {
      entry.bases.rnglists = offset;
    }
  }
  return reader.ok() && found ? std::optional(entry) : std::nullopt;
}

}  // namespace stoker::symbolize::dwarf
