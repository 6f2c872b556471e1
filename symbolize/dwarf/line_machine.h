// Runs the opcodes of a line number program (DWARF 5 §6.2.5).
#pragma once

#include <cstdint>

#include "base/byte_reader.h"
#include "symbolize/dwarf/line_header.h"
#include "symbolize/dwarf/line_table.h"

namespace stoker::symbolize::dwarf {

class LineMachine {
 public:
  enum class Event { kNone, kRow, kEndSequence };

  // The reader stands at an opcode; `row` is the state there.
  LineMachine(const LineHeader& header, ByteReader& reader, LineRow row)
      : header_(header), reader_(reader), row_(row) {
    if (header.line_range() != 0) {
      const_add_ = advance((255u - header.opcode_base()) / header.line_range());
    }
  }

  const LineRow& row() const { return row_; }
  void start_sequence() { row_ = {}; }

  // Runs one opcode. At kRow and kEndSequence, row() is the row; start_sequence() must follow the latter.
  Event step() {
    const std::uint8_t opcode = reader_.u8();
    if (opcode >= header_.opcode_base()) {
      return special(opcode - header_.opcode_base());
    }
    return opcode == 0 ? extended() : standard(opcode);
  }

 private:
  // Bytes of code for an operation advance. VLIW's place within an instruction is not kept: no supported
  // machine has one.
  std::uint64_t advance(std::uint64_t operations) const {
    return operations / header_.max_operations() * header_.min_instruction_length();
  }
  void add_line(std::int64_t delta) { row_.line += static_cast<std::uint32_t>(delta); }

  Event special(unsigned adjusted) {
    const unsigned range = header_.line_range();
    if (range != 0) {
      row_.address += advance(adjusted / range);
      add_line(header_.line_base() + static_cast<int>(adjusted % range));
    }
    return Event::kRow;
  }
  Event standard(std::uint8_t opcode);
  Event extended();

  const LineHeader& header_;
  ByteReader& reader_;
  LineRow row_;
  std::uint64_t const_add_ = 0;
};

}  // namespace stoker::symbolize::dwarf
