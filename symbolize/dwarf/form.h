// Attribute values as they lie in .debug_info and in line headers (DWARF 5 §7.5.5, §7.5.6).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/byte_reader.h"
#include "symbolize/dwarf/constants.h"

namespace stoker::symbolize::dwarf {

// What a form's size depends on. Addresses are always 8 bytes: units with others are not read.
struct Layout {
  std::uint8_t offset_size = 4;  // 8 in the 64-bit DWARF format
  std::uint8_t version = 5;      // DW_FORM_ref_addr is as wide as an address in version 2
  bool operator==(const Layout&) const = default;
};

// A value before it is looked up: what `number` means is the form's business.
struct FormValue {
  FormCode form{};
  std::uint64_t number = 0;
  std::string_view text;  // DW_FORM_string only

  explicit operator bool() const { return form != FormCode{}; }
};

// Reads one value; the reader fails on a form that is not known, since its size is not either. implicit: the
// abbreviation's constant for DW_FORM_implicit_const. Blocks and 16-byte data are skipped.
FormValue read_form(ByteReader& reader, FormCode form, std::int64_t implicit, Layout layout);

// How to step over a value: a number of bytes known beforehand, or a length that stands before it.
enum class Skip : std::uint8_t {
  kFixed,
  kUleb,
  kSleb,
  kText,
  kBlock1,
  kBlock2,
  kBlock4,
  kBlockUleb,
  kIndirect,
  kUnknown
};
struct FormSize {
  Skip skip = Skip::kUnknown;
  std::uint8_t bytes = 0;  // for kFixed
};
FormSize form_size(FormCode form, Layout layout);

// Steps over a value. bytes: for Skip::kFixed, of one value or a run of them.
inline void skip_value(ByteReader& reader, Skip skip, std::uint32_t bytes, Layout layout) {
  switch (skip) {
    case Skip::kFixed:
      reader.skip(bytes);
      break;
    case Skip::kUleb:
      reader.uleb();
      break;
    case Skip::kSleb:
      reader.sleb();
      break;
    case Skip::kText:
      reader.cstr();
      break;
    case Skip::kBlock1:
      reader.skip(reader.u8());
      break;
    case Skip::kBlock2:
      reader.skip(reader.u16());
      break;
    case Skip::kBlock4:
      reader.skip(reader.u32());
      break;
    case Skip::kBlockUleb:
      reader.skip(reader.uleb());
      break;
    case Skip::kIndirect:
      read_form(reader, FormCode::kIndirect, 0, layout);
      break;
    case Skip::kUnknown:
      reader.fail();
      break;
  }
}

bool is_address_form(FormCode form);

}  // namespace stoker::symbolize::dwarf
