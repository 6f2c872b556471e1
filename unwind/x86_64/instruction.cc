#include "unwind/x86_64/instruction.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/byte_reader.h"

namespace stoker::unwind::x86_64 {
namespace {

// What follows an opcode, one letter for each:
//   .  nothing            m  ModRM              x  no instruction      p  a prefix
//   b  8 bits             M  ModRM, 8 bits      w  16 bits             e  16 and 8 bits (enter)
//   z  16 or 32 bits      Z  ModRM, 16 or 32    j  32 bits             v  16, 32 or 64 bits
//   o  an address         g  ModRM, and 8 bits if its reg is 0 or 1; G  16 or 32 bits
constexpr std::string_view kOneByteForms =
    "mmmmbzxxmmmmbzxx"   // 00
    "mmmmbzxxmmmmbzxx"   // 10
    "mmmmbzpxmmmmbzpx"   // 20
    "mmmmbzpxmmmmbzpx"   // 30
    "pppppppppppppppp"   // 40
    "................"   // 50
    "xxxmppppzZbM...."   // 60
    "bbbbbbbbbbbbbbbb"   // 70
    "MZxMmmmmmmmmmmmm"   // 80
    "..........x....."   // 90
    "oooo....bz......"   // a0
    "bbbbbbbbvvvvvvvv"   // b0
    "MMw.xxMZe.w..bx."   // c0
    "mmmmxxx.mmmmmmmm"   // d0
    "bbbbbbbbjjxb...."   // e0
    "p.pp..gG......mm";  // f0

constexpr std::string_view k0FForms =
    "mmmmx.....x.xm.M"   // 00
    "mmmmmmmmmmmmmmmm"   // 10
    "mmmmxxxxmmmmmmmm"   // 20
    "......x.xxxxxxxx"   // 30
    "mmmmmmmmmmmmmmmm"   // 40
    "mmmmmmmmmmmmmmmm"   // 50
    "mmmmmmmmmmmmmmmm"   // 60
    "MMMMmmm.mmmmmmmm"   // 70
    "jjjjjjjjjjjjjjjj"   // 80
    "mmmmmmmmmmmmmmmm"   // 90
    "...mMmmm...mMmmm"   // a0
    "mmmmmmmmmmMmmmmm"   // b0
    "mmMmMMMm........"   // c0
    "mmmmmmmmmmmmmmmm"   // d0
    "mmmmmmmmmmmmmmmm"   // e0
    "mmmmmmmmmmmmmmmm";  // f0
static_assert(kOneByteForms.size() == 256 && k0FForms.size() == 256);

constexpr std::size_t kLongest = 15;

class Decoder {
 public:
  explicit Decoder(ByteView bytes) : bytes_(bytes.first(std::min(bytes.size(), kLongest))), reader_(bytes_) {}

  std::optional<Instruction> run() {
    const char form = opcode();
    if (!reader_.ok() || form == 'x' || form == 'p') {
      return std::nullopt;
    }
    const bool with_modrm = form == 'm' || form == 'M' || form == 'Z' || form == 'g' || form == 'G';
    if (with_modrm) {
      modrm();
    } else {
      out_.rm = static_cast<std::uint8_t>((out_.opcode & 7) | extend_rm_);
    }
    immediate(form);
    if (!reader_.ok()) {
      return std::nullopt;
    }
    out_.length = static_cast<std::uint8_t>(reader_.position());
    return out_;
  }

 private:
  // Reads prefixes and the opcode; its form.
  char opcode() {
    for (;;) {
      const std::uint8_t byte = reader_.u8();
      if (!reader_.ok()) {
        return 'x';
      }
      if (prefix(byte)) {
        continue;
      }
      if ((byte & 0xf0) == 0x40) {
        rex_ = byte;
        out_.has_rex = true;
        continue;
      }
      take_rex(rex_);
      const bool vex = byte == 0xc4 || byte == 0xc5;
      const std::uint8_t next = reader_.ok() && reader_.position() < bytes_.size()
                                    ? static_cast<std::uint8_t>(bytes_[reader_.position()])
                                    : std::uint8_t{0};
      const bool xop = byte == 0x8f && (next & 0x1f) >= 8;
      if (vex || xop || byte == 0x62) {
        return vector(byte);
      }
      if (byte == 0x0f) {
        return escaped();
      }
      out_.opcode = byte;
      return kOneByteForms[byte];
    }
  }

  // A legacy prefix; a REX in front of one is void.
  bool prefix(std::uint8_t byte) {
    switch (byte) {
      case 0x66:
        out_.operand_size = true;
        break;
      case 0x67:
        out_.address_size = true;
        break;
      case 0xf2:
      case 0xf3:
        out_.repeat = byte;
        break;
      case 0x64:
      case 0x65:
        out_.segment = true;
        break;
      case 0xf0:
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
        break;
      default:
        return false;
    }
    rex_ = 0;
    out_.has_rex = false;
    return true;
  }

  void take_rex(std::uint8_t rex) {
    out_.wide = (rex & 8) != 0;
    extend_reg_ = (rex & 4) != 0 ? 8 : 0;
    extend_index_ = (rex & 2) != 0 ? 8 : 0;
    extend_rm_ = (rex & 1) != 0 ? 8 : 0;
  }

  char escaped() {
    out_.map = Instruction::k0F;
    out_.opcode = reader_.u8();
    if (out_.opcode == 0x38 || out_.opcode == 0x3a) {
      const bool first = out_.opcode == 0x38;
      out_.map = first ? Instruction::k0F38 : Instruction::k0F3A;
      out_.opcode = reader_.u8();
      return first ? 'm' : 'M';
    }
    return k0FForms[out_.opcode];
  }

  // VEX of two bytes has R, of three also X, B and a map; XOP is like that with maps 8 to 10. EVEX has three.
  char vector(std::uint8_t first) {
    out_.vector_prefix = true;
    unsigned map = 1;
    std::uint8_t byte = reader_.u8();
    take_rex(static_cast<std::uint8_t>((byte & 0x80) != 0 ? 0 : 4));
    if (first != 0xc5) {
      take_rex(static_cast<std::uint8_t>(~byte >> 5 & 7));
      map = byte & (first == 0x62 ? 7 : 31);
      byte = reader_.u8();
      out_.wide = (byte & 0x80) != 0;
    }
    out_.vvvv = static_cast<std::uint8_t>(~byte >> 3 & 15);
    constexpr std::array<std::uint8_t, 4> kRepeats = {0, 0, 0xf3, 0xf2};
    out_.repeat = kRepeats[byte & 3];
    out_.operand_size = (byte & 3) == 1;
    if (first == 0x62) {
      if ((byte & 4) == 0) {
        return 'x';
      }
      reader_.u8();
    }
    out_.opcode = reader_.u8();
    return first == 0x8f ? xop_form(map) : vector_form(map, first == 0x62);
  }

  char vector_form(unsigned map, bool evex) {
    switch (map) {
      case 1: {
        out_.map = Instruction::k0F;
        const char form = k0FForms[out_.opcode];
        return form == 'm' || form == 'M' || (out_.opcode == 0x77 && !evex) ? form : 'x';
      }
      case 2:
        out_.map = Instruction::k0F38;
        return 'm';
      case 3:
        out_.map = Instruction::k0F3A;
        return 'M';
      case 5:
      case 6:
        out_.map = Instruction::kOther;
        return evex ? 'm' : 'x';
      default:
        return 'x';
    }
  }

  char xop_form(unsigned map) {
    out_.map = Instruction::kOther;
    switch (map) {
      case 8:
        return 'M';
      case 9:
        return 'm';
      case 10:
        return 'Z';
      default:
        return 'x';
    }
  }

  void modrm() {
    const std::uint8_t byte = reader_.u8();
    out_.has_modrm = true;
    out_.mod = byte >> 6;
    out_.reg = static_cast<std::uint8_t>((byte >> 3 & 7) | extend_reg_);
    out_.rm = static_cast<std::uint8_t>((byte & 7) | extend_rm_);
    if (out_.mod == 3) {
      return;
    }
    bool wide_displacement = out_.mod == 2;
    if ((byte & 7) == 4) {
      const std::uint8_t sib = reader_.u8();
      out_.indexed = ((sib >> 3 & 7) | extend_index_) != 4;
      if ((sib & 7) == 5 && out_.mod == 0) {
        wide_displacement = true;
      } else {
        out_.base = static_cast<std::uint8_t>((sib & 7) | extend_rm_);
      }
    } else if ((byte & 7) == 5 && out_.mod == 0) {
      wide_displacement = true;
    } else {
      out_.base = out_.rm;
    }
    if (wide_displacement) {
      out_.displacement = reader_.i32();
    } else if (out_.mod == 1) {
      out_.displacement = signed_byte();
    }
  }

  std::int32_t signed_byte() { return (reader_.u8() ^ 0x80) - 0x80; }

  void immediate(char form) {
    const bool is_test = (out_.reg & 7) < 2;
    if (form == 'g' || form == 'G') {
      form = !is_test ? 'm' : form == 'g' ? 'b' : 'z';
    }
    const bool narrow = out_.operand_size && !out_.wide && !out_.vector_prefix;
    switch (form) {
      case 'b':
      case 'M':
        out_.immediate = signed_byte();
        break;
      case 'w':
        out_.immediate = reader_.u16();
        break;
      case 'e':
        out_.immediate = reader_.u16();
        reader_.u8();
        break;
      case 'j':
        out_.immediate = reader_.i32();
        break;
      case 'o':
        out_.immediate = static_cast<std::int64_t>(out_.address_size ? reader_.u32() : reader_.u64());
        break;
      case 'v':
        if (out_.wide) {
          out_.immediate = static_cast<std::int64_t>(reader_.u64());
          break;
        }
        [[fallthrough]];
      case 'z':
      case 'Z':
        out_.immediate = narrow ? std::int64_t{reader_.i16()} : std::int64_t{reader_.i32()};
        break;
      default:
        break;
    }
  }

  ByteView bytes_;
  ByteReader reader_;
  Instruction out_;
  std::uint8_t rex_ = 0;
  std::uint8_t extend_reg_ = 0;
  std::uint8_t extend_index_ = 0;
  std::uint8_t extend_rm_ = 0;
};

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

std::optional<Instruction> decode(ByteView bytes) {
  return Decoder(bytes).run();
}

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
