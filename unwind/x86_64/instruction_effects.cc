#include "unwind/x86_64/instruction.h"

namespace stoker::unwind::x86_64 {
namespace {

constexpr std::uint16_t bit(unsigned gpr) {
  return static_cast<std::uint16_t>(1U << (gpr & 15));
}

// Operands of 8 bits without a REX: 4 to 7 are ah, ch, dh and bh.
std::uint16_t byte_bit(const Instruction& in, unsigned gpr) {
  return bit(!in.has_rex && gpr >= 4 && gpr < 8 ? gpr - 4 : gpr);
}

struct Operands {
  std::uint16_t reg;  // the bit of ModRM.reg
  std::uint16_t rm;   // that of ModRM.rm, none if it is in memory
};

std::uint16_t written_of_one_byte(const Instruction& in, Operands operands) {
  const unsigned op = in.opcode;
  const unsigned group = in.reg & 7U;
  if (op < 0x40) {
    if (op >= 0x38 || (op & 7) >= 6) {
      return 0;
    }
    return (op & 7) >= 4 ? bit(kAx) : (op & 2) != 0 ? operands.reg : operands.rm;
  }
  if (op >= 0x58 && op < 0x60) {
    return bit(in.rm);
  }
  if (op >= 0x90 && op < 0x98) {
    return op == 0x90 && !in.has_rex ? std::uint16_t{0} : static_cast<std::uint16_t>(bit(in.rm) | bit(kAx));
  }
  if (op >= 0xb0 && op < 0xb8) {
    return byte_bit(in, in.rm);
  }
  if (op >= 0xb8 && op < 0xc0) {
    return bit(in.rm);
  }
  switch (op) {
    case 0x63:
    case 0x69:
    case 0x6b:
    case 0x8a:
    case 0x8b:
    case 0x8d:
      return operands.reg;
    case 0x80:
    case 0x81:
    case 0x83:
      return group == 7 ? std::uint16_t{0} : operands.rm;
    case 0x86:
    case 0x87:
      return operands.reg | operands.rm;
    case 0x88:
    case 0x89:
    case 0x8c:
    case 0x8f:
    case 0xc0:
    case 0xc1:
    case 0xc6:
    case 0xc7:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return operands.rm;
    case 0xc8:
    case 0xc9:
      return bit(kBp);
    case 0xf6:
    case 0xf7:
      return group == 2 || group == 3 ? operands.rm : std::uint16_t{0};
    case 0xfe:
    case 0xff:
      return group < 2 ? operands.rm : std::uint16_t{0};
    default:
      return 0;  // those left write no register that calls preserve
  }
}

std::uint16_t written_of_0f(const Instruction& in, Operands operands) {
  const unsigned op = in.opcode;
  const unsigned group = in.reg & 7U;
  if (op >= 0xc8 && op < 0xd0) {
    return bit(in.rm);
  }
  if (op >= 0x40 && op < 0x50) {
    return in.vector_prefix ? std::uint16_t{0} : operands.reg;
  }
  if (op >= 0x90 && op < 0xa0) {
    return !in.vector_prefix ? operands.rm : op == 0x93 ? operands.reg : std::uint16_t{0};
  }
  switch (op) {
    case 0x02:
    case 0x03:
    case 0x2c:
    case 0x2d:
    case 0x50:
    case 0x78:
    case 0x79:
    case 0xaf:
    case 0xb2:
    case 0xb4:
    case 0xb5:
    case 0xb6:
    case 0xb7:
    case 0xb8:
    case 0xbc:
    case 0xbd:
    case 0xbe:
    case 0xbf:
    case 0xc5:
    case 0xd7:
      return operands.reg;
    case 0x00:
    case 0x01:
      return group == 4 || group < 2 ? operands.rm : std::uint16_t{0};
    case 0x1e:
      return in.repeat == 0xf3 && group == 1 ? operands.rm : std::uint16_t{0};
    case 0x20:
    case 0x21:
    case 0x7e:
    case 0xa4:
    case 0xa5:
    case 0xab:
    case 0xac:
    case 0xad:
    case 0xae:
    case 0xb0:
    case 0xb1:
    case 0xb3:
    case 0xbb:
    case 0xc7:
      return operands.rm;
    case 0xa2:
      return bit(kBx) | bit(kAx) | bit(kCx) | bit(kDx);
    case 0xba:
      return group == 4 ? std::uint16_t{0} : operands.rm;
    case 0xc0:
    case 0xc1:
      return operands.reg | operands.rm;
    default:
      return 0;
  }
}

}  // namespace

bool Instruction::is_padding() const {
  return is(kOneByte, 0xcc) || (is(kOneByte, 0x90) && rm == 0 && repeat == 0) || is(k0F, 0x1f) ||
         (is(kOneByte, 0x87) && mod == 3 && reg == rm);
}

Flow flow_of(const Instruction& in) {
  if (in.vector_prefix) {
    return Flow::kNext;
  }
  const unsigned op = in.opcode;
  if (in.map == Instruction::k0F) {
    if (op >= 0x80 && op < 0x90) {
      return Flow::kBranch;
    }
    return op == 0x0b || op == 0xb9 || op == 0xff ? Flow::kStop
           : op == 0x07 || op == 0x35             ? Flow::kStop
                                                  : Flow::kNext;
  }
  if (in.map != Instruction::kOneByte) {
    return Flow::kNext;
  }
  if ((op >= 0x70 && op < 0x80) || (op >= 0xe0 && op < 0xe4)) {
    return Flow::kBranch;
  }
  switch (op) {
    case 0xc2:
    case 0xc3:
    case 0xca:
    case 0xcb:
    case 0xcf:
      return Flow::kReturn;
    case 0xe8:
      return Flow::kCall;
    case 0xe9:
    case 0xeb:
      return Flow::kJump;
    case 0xcc:
    case 0xcd:
    case 0xf1:
    case 0xf4:
      return Flow::kStop;
    case 0xff:
      switch (in.reg & 7) {
        case 2:
        case 3:
          return Flow::kIndirectCall;
        case 4:
        case 5:
          return Flow::kIndirectJump;
        default:
          return Flow::kNext;
      }
    default:
      return Flow::kNext;
  }
}

std::uint16_t written_registers(const Instruction& in) {
  const std::uint16_t none = 0;
  const bool bytes = in.map == Instruction::kOneByte
                         ? (in.opcode & 1) == 0 && in.opcode != 0x63 && in.opcode != 0x8c
                         : in.map == Instruction::k0F && ((in.opcode >= 0x90 && in.opcode < 0xa0) ||
                                                          in.opcode == 0xb0 || in.opcode == 0xc0);
  const auto of = [&](unsigned gpr) { return bytes ? byte_bit(in, gpr) : bit(gpr); };
  const Operands operands{in.has_modrm ? of(in.reg) : none, in.has_modrm && in.mod == 3 ? of(in.rm) : none};
  switch (in.map) {
    case Instruction::kOneByte:
      return written_of_one_byte(in, operands);
    case Instruction::k0F:
      return written_of_0f(in, operands);
    case Instruction::k0F38:
      if (in.vector_prefix && in.opcode == 0xf3) {
        return bit(in.vvvv);
      }
      if (in.opcode == 0xf6 && in.vector_prefix) {
        return operands.reg | bit(in.vvvv);
      }
      return in.opcode >= 0xf0 && in.opcode <= 0xf7 ? operands.reg : none;
    case Instruction::k0F3A:
      if (in.opcode >= 0x14 && in.opcode <= 0x17) {
        return operands.rm;
      }
      return in.opcode == 0xf0 ? operands.reg : none;
    case Instruction::kOther:
      return operands.reg | operands.rm | bit(in.vvvv);
  }
  return none;
}

}  // namespace stoker::unwind::x86_64
