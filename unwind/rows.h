// One row of call frame information in full generality (DWARF 5 §6.4.1), before it is made compact.
#pragma once

#include <array>
#include <cstdint>

namespace stoker::unwind {

enum class RuleKind : std::uint8_t {
  kUnspecified,    // nothing was said: what the ABI says (a callee-saved register keeps its value)
  kUndefined,      // not recoverable; of the return address: there is no caller
  kSameValue,      // the register itself
  kOffset,         // *(CFA + value)
  kValOffset,      // CFA + value
  kRegister,       // the register numbered value
  kExpression,     // *(expression)
  kValExpression,  // expression
};

// Where a DWARF expression lies in its section; 55 bits, so that it fits a rule's value.
struct ExpressionRef {
  static constexpr std::uint64_t kLongest = (std::uint64_t{1} << 23) - 1;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;

  std::int64_t value() const {
    return static_cast<std::int64_t>(offset | static_cast<std::uint64_t>(length) << 32);
  }
  static ExpressionRef from(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    return {static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32)};
  }
};

// How the caller's value of one register is found. Eight bytes, because a state of all registers is copied
// for every function and every remember_state.
class RegisterRule {
 public:
  static constexpr std::int64_t kLargest = (std::int64_t{1} << 55) - 1;

  constexpr RegisterRule() = default;
  // value within ±kLargest: an offset, a register number or an ExpressionRef's value.
  constexpr explicit RegisterRule(RuleKind kind, std::int64_t value = 0)
      : bits_(static_cast<std::uint64_t>(value) << 8 | static_cast<std::uint64_t>(kind)) {}

  constexpr RuleKind kind() const { return static_cast<RuleKind>(bits_ & 0xff); }
  constexpr std::int64_t value() const { return static_cast<std::int64_t>(bits_) >> 8; }
  constexpr bool specified() const { return bits_ != 0; }
  constexpr bool operator==(const RegisterRule&) const = default;

 private:
  std::uint64_t bits_ = 0;
};

enum class CfaKind : std::uint8_t { kNone, kRegister, kExpression };

// The canonical frame address: the stack pointer's value in the caller, right after the call.
struct CfaRule {
  CfaKind kind = CfaKind::kNone;
  std::uint32_t reg = 0;
  std::int64_t offset = 0;  // kExpression: an ExpressionRef's value
  bool operator==(const CfaRule&) const = default;
};

// Rules of registers [0, kRegisters), numbered as the architecture's DWARF supplement does.
template <unsigned kRegisters>
struct FrameState {
  static constexpr unsigned kCount = kRegisters;
  CfaRule cfa;
  bool return_address_signed = false;  // aarch64, DW_CFA_AARCH64_negate_ra_state
  // Set whenever a register's rule may have changed; whoever makes rows from the state clears it. Most rows
  // differ in the CFA's offset only.
  bool registers_touched = true;
  std::array<RegisterRule, kRegisters> registers{};
  bool operator==(const FrameState& other) const {
    return cfa == other.cfa && return_address_signed == other.return_address_signed &&
           registers == other.registers;
  }
};

// x86-64 psABI figure 3.36: 0-15 general, 16 the return address; vector registers are nobody's to restore.
using X86State = FrameState<17>;
// aarch64 DWARF ABI §4.1: 0-30 x0-x30, 31 sp.
using ArmState = FrameState<32>;

}  // namespace stoker::unwind
