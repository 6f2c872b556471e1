// The DWARF expressions that occur in call frame information, told apart by shape.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace stoker::unwind {

enum class Shape : std::uint8_t {
  kOther,         // anything else
  kRegister,      // reg + first
  kDeref,         // *(reg + first) + second
  kDerefIndexed,  // *(reg + 8 * index + first) + second
  kPlt,           // reg + 8 + ((return address register & 15) >= first) * 8
};

struct Expression {
  Shape shape = Shape::kOther;
  std::uint8_t reg = 0;    // DWARF number; only registers below 32 are told apart
  std::uint8_t index = 0;  // kDerefIndexed
  std::int64_t first = 0;
  std::int64_t second = 0;
  bool operator==(const Expression&) const = default;
};

// Reads at most the 16 operations that the longest of the shapes could have.
Expression classify_expression(ByteView bytes);

}  // namespace stoker::unwind
