#include "symbolize/dwarf/line_machine.h"

#include <algorithm>

namespace stoker::symbolize::dwarf {
namespace {

// DWARF 5 §6.2.5.2
enum Standard : std::uint8_t {
  kCopy = 1,
  kAdvancePc = 2,
  kAdvanceLine = 3,
  kSetFile = 4,
  kConstAddPc = 8,
  kFixedAdvancePc = 9,
};

// DWARF 5 §6.2.5.3
enum Extended : std::uint8_t { kEndSequence = 1, kSetAddress = 2 };

}  // namespace

LineMachine::Event LineMachine::standard(std::uint8_t opcode) {
  switch (opcode) {
    case kCopy:
      return Event::kRow;
    case kAdvancePc:
      row_.address += advance(reader_.uleb());
      break;
    case kAdvanceLine:
      add_line(reader_.sleb());
      break;
    case kSetFile:
      row_.file = static_cast<std::uint32_t>(std::min<std::uint64_t>(reader_.uleb(), UINT32_MAX));
      break;
    case kConstAddPc:
      row_.address += const_add_;
      break;
    case kFixedAdvancePc:
      row_.address += reader_.u16();
      break;
    default:
      // Columns, statements, blocks, prologues, instruction sets, and what later versions may add.
      for (unsigned left = header_.operand_count(opcode); left > 0; --left) {
        reader_.uleb();
      }
      break;
  }
  return Event::kNone;
}

LineMachine::Event LineMachine::extended() {
  const std::uint64_t length = reader_.uleb();
  ByteReader operand(reader_.take(length));
  if (!reader_.ok() || length == 0) {
    return Event::kNone;
  }
  switch (operand.u8()) {
    case kEndSequence:
      return Event::kEndSequence;
    case kSetAddress: {
      const std::uint64_t address = operand.sized(static_cast<unsigned>(operand.remaining()));
      if (operand.ok()) {
        row_.address = address;
      }
      break;
    }
    default:  // discriminators, and DW_LNE_define_file, which no producer of the last decades writes
      break;
  }
  return Event::kNone;
}

}  // namespace stoker::symbolize::dwarf
