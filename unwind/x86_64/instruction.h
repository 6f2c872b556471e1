// x86-64 instructions as far as unwinding needs them: length, where control goes, which registers may change.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace stoker::unwind::x86_64 {

// Numbers of registers as instructions encode them, not DWARF's.
enum Gpr : std::uint8_t {
  kAx = 0,
  kCx,
  kDx,
  kBx,
  kSp,
  kBp,
  kSi,
  kDi,
  kGpr12 = 12,
  kGpr15 = 15,
  kNoGpr = 0xff
};

// Source of all layouts: Intel SDM volume 2, chapter 2 and appendix A; AMD's volume 6 for XOP.
struct Instruction {
  enum Map : std::uint8_t { kOneByte, k0F, k0F38, k0F3A, kOther };

  std::uint8_t length = 0;  // bytes, 1 to 15
  Map map = kOneByte;
  std::uint8_t opcode = 0;
  bool vector_prefix = false;  // VEX, EVEX or XOP
  bool has_rex = false;
  bool wide = false;          // REX.W, VEX.W
  bool operand_size = false;  // 66
  bool address_size = false;  // 67
  bool segment = false;       // fs or gs
  std::uint8_t repeat = 0;    // f2, f3 or 0

  bool has_modrm = false;
  std::uint8_t mod = 0;
  std::uint8_t reg = 0;           // ModRM.reg with the prefix's bit
  std::uint8_t rm = 0;            // ModRM.rm with the prefix's bit; the opcode's register where it has one
  std::uint8_t vvvv = 0;          // of VEX
  std::uint8_t base = kNoGpr;     // of a memory operand
  bool indexed = false;           // a memory operand has an index
  std::int32_t displacement = 0;  // of a memory operand
  std::int64_t immediate = 0;     // sign-extended; a relative jump's distance

  bool is_memory() const { return has_modrm && mod != 3; }
  bool is(Map in, std::uint8_t code) const { return map == in && opcode == code && !vector_prefix; }
  bool is_padding() const;  // nop of any length, int3
};

// The instruction that bytes begin with; nullopt: cut short, or not one of 64-bit mode's.
std::optional<Instruction> decode(ByteView bytes);

enum class Flow : std::uint8_t {
  kNext,
  kCall,  // comes back, if the callee does
  kIndirectCall,
  kJump,          // direct
  kBranch,        // direct, or the next instruction
  kIndirectJump,  // through a table, or to another function
  kReturn,
  kStop,  // ud2, hlt, int3
};

// For kCall, kJump and kBranch the target is the next instruction's address + immediate.
Flow flow_of(const Instruction& instruction);

// Bit n: general register n may be changed by the instruction itself (not by what it calls). Too many rather than too
// few; rsp only where it is an operand: push, pop, call and their kind have no bit for it.
std::uint16_t written_registers(const Instruction& instruction);

}  // namespace stoker::unwind::x86_64
