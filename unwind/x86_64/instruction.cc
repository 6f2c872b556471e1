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

}  // namespace

std::optional<Instruction> decode(ByteView bytes) {
  return Decoder(bytes).run();
}

}  // namespace stoker::unwind::x86_64
