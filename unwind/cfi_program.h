// Runs the instructions of a CIE or FDE (DWARF 5 §6.4.2 and vendor extensions) and gives the rows they make.
#pragma once

#include <algorithm>
#include <vector>

#include "base/byte_reader.h"
#include "unwind/cfi.h"
#include "unwind/rows.h"

namespace stoker::unwind {

// States saved by remember_state and not yet restored. Compilers nest them one deep.
template <typename State>
using StateStack = std::vector<State>;
inline constexpr std::size_t kDeepestStateStack = 64;

// What a program needs to know besides its bytes.
template <typename State>
struct ProgramInput {
  const CfiSection& section;
  const Cie& cie;
  const State& initial;           // what the CIE's program left, for restore
  StateStack<State>& remembered;  // scratch; empty when run_program begins
};

namespace detail {

inline std::int64_t factored(std::uint64_t value, std::int64_t factor) {
  return static_cast<std::int64_t>(value * static_cast<std::uint64_t>(factor));
}

template <typename State>
void set_rule(State& state, std::uint64_t reg, RuleKind kind, std::int64_t value = 0) {
  if (reg < State::kCount) {
    // An offset of more than 2^55 points to no stack: whatever it becomes, reading there fails.
    state.registers[static_cast<std::size_t>(reg)] = RegisterRule(kind, value);
    state.registers_touched = true;
  }
}

inline std::int64_t read_expression(ByteReader& code) {
  const std::uint64_t length = code.uleb();
  const auto offset = static_cast<std::uint32_t>(code.position());
  if (length > ExpressionRef::kLongest) {
    code.fail();
    return 0;
  }
  code.skip(length);
  return ExpressionRef{offset, static_cast<std::uint32_t>(length)}.value();
}

// The instructions whose primary opcode is 0, except those that move the location. False: not known, or not
// possible in this state.
template <typename State>
bool execute(std::uint8_t opcode, ByteReader& code, State& state, const ProgramInput<State>& input) {
  const std::int64_t data_alignment = input.cie.data_alignment;
  const auto signed_factored = [&] {
    return factored(static_cast<std::uint64_t>(code.sleb()), data_alignment);
  };
  const auto set_cfa_register = [&](std::uint64_t reg) {
    state.cfa.reg = static_cast<std::uint32_t>(std::min<std::uint64_t>(reg, ~std::uint32_t{0}));
  };
  switch (opcode) {
    case 0x00:  // nop
      return true;
    case 0x05: {  // offset_extended
      const std::uint64_t reg = code.uleb();
      set_rule(state, reg, RuleKind::kOffset, factored(code.uleb(), data_alignment));
      return true;
    }
    case 0x06: {  // restore_extended
      const std::uint64_t reg = code.uleb();
      if (reg < State::kCount) {
        const auto index = static_cast<std::size_t>(reg);
        state.registers[index] = input.initial.registers[index];
        state.registers_touched = true;
      }
      return true;
    }
    case 0x07:  // undefined
      set_rule(state, code.uleb(), RuleKind::kUndefined);
      return true;
    case 0x08:  // same_value
      set_rule(state, code.uleb(), RuleKind::kSameValue);
      return true;
    case 0x09: {  // register
      const std::uint64_t reg = code.uleb();
      const std::uint64_t from = code.uleb();
      set_rule(state, reg, RuleKind::kRegister, static_cast<std::int64_t>(from & 0xffff));
      return from <= 0xffff;
    }
    case 0x0a:  // remember_state
      if (input.remembered.size() >= kDeepestStateStack) {
        return false;
      }
      input.remembered.push_back(state);
      return true;
    case 0x0b:  // restore_state
      if (input.remembered.empty()) {
        return false;
      }
      state = input.remembered.back();
      state.registers_touched = true;
      input.remembered.pop_back();
      return true;
    case 0x0c:  // def_cfa
      state.cfa.kind = CfaKind::kRegister;
      set_cfa_register(code.uleb());
      state.cfa.offset = static_cast<std::int64_t>(code.uleb());
      return true;
    case 0x0d:  // def_cfa_register
      set_cfa_register(code.uleb());
      return state.cfa.kind == CfaKind::kRegister;
    case 0x0e:  // def_cfa_offset
      state.cfa.offset = static_cast<std::int64_t>(code.uleb());
      return state.cfa.kind == CfaKind::kRegister;
    case 0x0f:  // def_cfa_expression
      state.cfa = {CfaKind::kExpression, 0, read_expression(code)};
      return true;
    case 0x10: {  // expression
      const std::uint64_t reg = code.uleb();
      set_rule(state, reg, RuleKind::kExpression, read_expression(code));
      return true;
    }
    case 0x11: {  // offset_extended_sf
      const std::uint64_t reg = code.uleb();
      set_rule(state, reg, RuleKind::kOffset, signed_factored());
      return true;
    }
    case 0x12:  // def_cfa_sf
      state.cfa.kind = CfaKind::kRegister;
      set_cfa_register(code.uleb());
      state.cfa.offset = signed_factored();
      return true;
    case 0x13:  // def_cfa_offset_sf
      state.cfa.offset = signed_factored();
      return state.cfa.kind == CfaKind::kRegister;
    case 0x14: {  // val_offset
      const std::uint64_t reg = code.uleb();
      set_rule(state, reg, RuleKind::kValOffset, factored(code.uleb(), data_alignment));
      return true;
    }
    case 0x15: {  // val_offset_sf
      const std::uint64_t reg = code.uleb();
      set_rule(state, reg, RuleKind::kValOffset, signed_factored());
      return true;
    }
    case 0x16: {  // val_expression
      const std::uint64_t reg = code.uleb();
      set_rule(state, reg, RuleKind::kValExpression, read_expression(code));
      return true;
    }
    case 0x2d:  // AARCH64_negate_ra_state; GNU_window_save on sparc, which is not read here
      state.return_address_signed = !state.return_address_signed;
      state.registers_touched = true;
      return true;
    case 0x2e:  // GNU_args_size: says nothing about where registers are
      code.uleb();
      return true;
    case 0x2f: {  // GNU_negative_offset_extended
      const std::uint64_t reg = code.uleb();
      set_rule(state, reg, RuleKind::kOffset, factored(0 - code.uleb(), data_alignment));
      return true;
    }
    default:
      return false;
  }
}

}  // namespace detail

enum class ProgramEnding : std::uint8_t {
  kDone,       // understood to its end
  kPastStop,   // it names locations at or behind stop; the state before them is right
  kMalformed,  // an instruction that is unknown, cut short or impossible: the state is good for nothing
};

struct ProgramEnd {
  std::uint64_t location;
  ProgramEnding ending;
};

// Runs program from location start; state begins as the caller set it. emit(from, to, state) is called for
// each address range with one state, in rising order, from < to < stop. The last range, from the location
// returned to stop, is left to the caller, because it depends on how the program ended.
template <typename State, typename Emit>
ProgramEnd run_program(const ProgramInput<State>& input, ProgramRange program, std::uint64_t start,
                       std::uint64_t stop, State& state, Emit&& emit) {
  ByteReader code(input.section.bytes.first(program.end));
  code.seek(program.start);
  std::uint64_t location = start;
  const std::uint64_t code_alignment = input.cie.code_alignment;
  while (!code.at_end()) {
    const std::uint8_t byte = code.u8();
    const std::uint8_t operand = byte & 0x3f;
    std::uint64_t advance = 0;
    switch (byte >> 6) {
      case 1:  // advance_loc
        advance = operand * code_alignment;
        break;
      case 2:  // offset
        detail::set_rule(state, operand, RuleKind::kOffset,
                         detail::factored(code.uleb(), input.cie.data_alignment));
        break;
      case 3:  // restore
        if (operand < State::kCount) {
          state.registers[operand] = input.initial.registers[operand];
          state.registers_touched = true;
        }
        break;
      default:
        switch (byte) {
          case 0x01: {  // set_loc
            const elf::ElfAddress target =
                read_pointer(code, input.cie.fde_encoding, input.cie.address_size, input.section);
            if (!code.ok() || target.value < location) {
              return {location, ProgramEnding::kMalformed};
            }
            advance = target.value - location;
            break;
          }
          case 0x02:  // advance_loc1
            advance = code.u8() * code_alignment;
            break;
          case 0x03:  // advance_loc2
            advance = code.u16() * code_alignment;
            break;
          case 0x04:  // advance_loc4
            advance = code.u32() * code_alignment;
            break;
          case 0x1d:  // MIPS_advance_loc8
            advance = code.u64() * code_alignment;
            break;
          default:
            if (!detail::execute(byte, code, state, input)) {
              return {location, ProgramEnding::kMalformed};
            }
        }
    }
    if (!code.ok()) {
      return {location, ProgramEnding::kMalformed};
    }
    if (advance != 0) {
      if (advance >= stop - location) {
        return {location, ProgramEnding::kPastStop};
      }
      emit(location, location + advance, state);
      location += advance;
    }
  }
  return {location, ProgramEnding::kDone};
}

}  // namespace stoker::unwind
