#include "unwind/sframe.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace stoker::unwind {
namespace {

constexpr std::uint16_t kMagic = 0xdee2;
constexpr std::uint8_t kFlagRelativeToField = 4;  // version 2: starts count from their own field
constexpr std::uint64_t kHeaderSize = 28;
constexpr std::uint8_t kAarch64Little = 2;
constexpr std::uint8_t kAmd64 = 3;
constexpr std::uint8_t kPcMask = 0x10;  // in a function's info: entries repeat, for PLTs

std::uint64_t function_size(std::uint8_t version) {
  return version == 1 ? 17 : 20;
}

std::optional<std::uint8_t> slot(std::int64_t from_cfa) {
  const std::int64_t below = -from_cfa;
  return below > 0 && below % 8 == 0 && below / 8 < UNWIND_LOST
             ? std::optional(static_cast<std::uint8_t>(below / 8))
             : std::nullopt;
}

unwind_row bare(unwind_rule rule) {
  unwind_row row{};
  row.rule = static_cast<u8>(rule);
  return row;
}

}  // namespace

std::optional<Sframe> Sframe::open(const elf::ElfFile& file) {
  const elf::Section* section = file.find_section(".sframe");
  return section == nullptr ? std::nullopt : parse(file.raw(*section), section->address, file.machine());
}

std::optional<Sframe> Sframe::parse(ByteView bytes, elf::ElfAddress address, elf::Machine machine) {
  ByteReader reader(bytes);
  Sframe sframe;
  sframe.bytes_ = bytes;
  sframe.address_ = address;
  sframe.machine_ = machine;
  const std::uint16_t magic = reader.u16();
  sframe.version_ = reader.u8();
  sframe.relative_to_field_ = (reader.u8() & kFlagRelativeToField) != 0 && sframe.version_ == 2;
  const std::uint8_t abi = reader.u8();
  reader.i8();  // fixed frame pointer offset: no ABI has one
  sframe.fixed_return_address_ = reader.i8();
  const std::uint8_t extra = reader.u8();
  sframe.count_ = reader.u32();
  reader.u32();  // entries in all
  const std::uint64_t entries_size = reader.u32();
  const std::uint64_t functions = kHeaderSize + extra + reader.u32();
  const std::uint64_t entries = kHeaderSize + extra + reader.u32();
  if (!reader.ok() || magic != kMagic || (sframe.version_ != 1 && sframe.version_ != 2) ||
      abi != (machine == elf::Machine::kAarch64 ? kAarch64Little : kAmd64) || functions > bytes.size() ||
      sframe.count_ > (bytes.size() - functions) / function_size(sframe.version_)) {
    return std::nullopt;
  }
  sframe.functions_at_ = functions;
  sframe.entries_ = slice(bytes, entries, entries_size);
  return sframe;
}

std::vector<Sframe::Function> Sframe::functions(std::uint64_t start, std::uint64_t end) const {
  std::vector<Function> all;
  all.reserve(static_cast<std::size_t>(count_));
  ByteReader reader(bytes_);
  reader.seek(functions_at_);
  for (std::uint64_t i = 0; i < count_; ++i) {
    const std::uint64_t base = address_.value + (relative_to_field_ ? reader.position() : 0);
    Function function;
    function.start = base + static_cast<std::uint64_t>(std::int64_t{reader.i32()});
    const std::uint32_t size = reader.u32();
    function.first = reader.u32();
    function.count = reader.u32();
    function.info = reader.u8();
    if (version_ == 2) {
      function.repeat = reader.u8();
      reader.u16();
    }
    if (!reader.ok()) {
      break;
    }
    function.end = function.start + size;
    if (size != 0 && function.start >= start && function.start < end && size <= end - function.start) {
      all.push_back(function);
    }
  }
  std::ranges::sort(all, [](const Function& left, const Function& right) {
    return std::tie(left.start, left.first) < std::tie(right.start, right.first);
  });
  std::uint64_t covered = 0;
  std::erase_if(all, [&covered](const Function& function) {
    const bool overlaps = function.start < covered;
    covered = overlaps ? covered : function.end;
    return overlaps;
  });
  return all;
}

// An entry: start in the function, a byte of {base register, offsets' count and size, signed return address},
// the offsets: of the CFA from the base, of the return address (unless fixed) and the frame pointer from the CFA.
Sframe::Entry Sframe::read_entry(ByteReader& reader, unsigned address_width) const {
  constexpr std::array<unsigned, 4> kWidths = {1, 2, 4, 0};
  Entry entry;
  entry.offset = reader.sized(address_width);
  const std::uint8_t info = reader.u8();
  const unsigned count = info >> 1 & 15;
  const unsigned width = kWidths[info >> 5 & 3];
  std::array<std::int64_t, 3> offsets{};
  for (unsigned i = 0; i < count; ++i) {
    const std::uint64_t raw = reader.sized(width);
    if (i < offsets.size()) {
      const unsigned unused = 64 - 8 * std::max(width, 1U);
      offsets[i] = static_cast<std::int64_t>(raw << unused) >> unused;
    }
  }
  if (count == 0) {
    entry.row = bare(UNWIND_END);
    return entry;
  }
  unwind_row row = bare((info & 1) != 0 ? UNWIND_RSP : UNWIND_RBP);
  const bool fits = offsets[0] % 8 == 0 && offsets[0] / 8 >= INT16_MIN && offsets[0] / 8 <= INT16_MAX;
  const unsigned fp_index = fixed_return_address_ != 0 ? 1 : 2;
  const auto fp = count > fp_index ? slot(offsets[fp_index]) : std::optional<std::uint8_t>(UNWIND_SAME);
  row.offset = static_cast<s16>(offsets[0] / 8);
  row.rbp = fp.value_or(UNWIND_LOST);
  if (machine_ == elf::Machine::kAarch64) {
    const auto lr = count > 1 ? slot(offsets[1]) : std::optional<std::uint8_t>(UNWIND_SAME);
    row.lr = lr.value_or(UNWIND_LOST);
    row.flags = (info & 0x80) != 0 ? UNWIND_RA_SIGNED : 0;
    entry.row = fits && lr ? row : bare(UNWIND_UNSUPPORTED);
  } else {
    row.rbx = row.r12_r15 = UNWIND_LOST;
    entry.row = fits && fixed_return_address_ == -8 ? row : bare(UNWIND_UNSUPPORTED);
  }
  return entry;
}

void Sframe::append(const Function& function, std::uint64_t from, std::uint64_t to, RowAppender& out) const {
  const unsigned width = 1U << (function.info & 15);
  ByteReader reader(entries_);
  reader.seek(function.first);
  if (width > 4 || !reader.ok()) {
    out.append(from, bare(UNWIND_UNSUPPORTED));
    return;
  }
  if ((function.info & kPcMask) != 0) {
    // A PLT's entries of 16 bytes: rsp + 8, from the push on rsp + 16.
    const Entry first = read_entry(reader, width);
    const Entry second = read_entry(reader, width);
    const bool plt = reader.ok() && function.count == 2 && (function.repeat == 16 || version_ == 1) &&
                     function.start % 16 == 0 && first.row.rule == UNWIND_RSP && first.row.offset == 1 &&
                     second.row.rule == UNWIND_RSP && second.row.offset == 2 && second.offset < 16;
    unwind_row row = bare(plt ? UNWIND_PLT : UNWIND_UNSUPPORTED);
    row.offset = plt ? static_cast<s16>(second.offset) : s16{0};
    out.append(from, row);
    return;
  }
  std::uint64_t at = from;  // below it everything has its row
  bool any = false;
  for (std::uint32_t i = 0; i < function.count; ++i) {
    const Entry entry = read_entry(reader, width);
    const std::uint64_t begins = function.start + entry.offset;
    if (!reader.ok() || begins >= to) {
      break;
    }
    if (begins > at && !any) {
      out.append(at, bare(UNWIND_NONE));
    }
    if (any && begins < at) {
      break;  // entries rise; what does not is nothing to go by
    }
    at = std::max(begins, from);
    out.append(at, entry.row);
    any = true;
  }
  if (!any) {
    out.append(from, bare(UNWIND_NONE));
  }
}

}  // namespace stoker::unwind
