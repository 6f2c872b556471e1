#include "unwind/x86_64/stack_state.h"

#include "unwind/x86_64/encode.h"

namespace stoker::unwind::x86_64 {
namespace {

constexpr std::int32_t kUnknown = StackState::kUnknown;
constexpr std::int32_t kLargestFrame = 1 << 22;
constexpr std::array<std::uint8_t, StackState::kPreserved> kGprs = {kBx, kBp, 12, 13, 14, 15};
constexpr std::size_t kBpIndex = 1;
constexpr std::uint16_t kMostWords = 0xfff;

void lose_slots_below(StackState& state, std::int32_t place) {
  for (std::uint16_t& slot : state.slots) {
    if (slot != 0 && -8 * std::int32_t{slot} < place) {
      slot = 0;
    }
  }
}

// rsp moves to a place; values below it are no longer anyone's.
bool move_rsp(StackState& state, std::int64_t place) {
  if (place > -8) {
    if (!state.zero_rbp) {
      return false;
    }
    state = StackState{};
    state.root = true;
    return true;
  }
  if (place < -kLargestFrame) {
    state.rsp = kUnknown;
    return true;
  }
  state.rsp = static_cast<std::int32_t>(place);
  lose_slots_below(state, state.rsp);
  return true;
}

void write(StackState& state, unsigned gpr) {
  if (gpr == kSp) {
    state.rsp = kUnknown;
    return;
  }
  if (const std::size_t index = preserved_index(gpr); index < StackState::kPreserved) {
    state.modified |= static_cast<std::uint8_t>(1U << index);
    if (gpr == kBp) {
      state.rbp = kUnknown;
      state.zero_rbp = false;
    }
  }
}

// A register is stored at a place: its caller's value, if it still has that.
void save(StackState& state, unsigned gpr, std::int64_t place) {
  const std::size_t index = preserved_index(gpr);
  if (index == StackState::kPreserved || (state.modified >> index & 1) != 0 || place > -16 ||
      place % 8 != 0 || -place / 8 > kMostWords || state.slots[index] != 0) {
    return;
  }
  state.slots[index] = static_cast<std::uint16_t>(-place / 8);
}

void load(StackState& state, unsigned gpr, std::int64_t place) {
  write(state, gpr);
  const std::size_t index = preserved_index(gpr);
  if (index < StackState::kPreserved && state.slots[index] != 0 &&
      place == -8 * std::int64_t{state.slots[index]}) {
    state.modified &= static_cast<std::uint8_t>(~(1U << index));
    state.slots[index] = 0;
  }
}

bool push(StackState& state, unsigned gpr) {
  if (state.rsp == kUnknown) {
    return true;
  }
  if (!move_rsp(state, std::int64_t{state.rsp} - 8)) {
    return false;
  }
  if (state.rsp != kUnknown) {
    save(state, gpr, state.rsp);
  }
  return true;
}

bool pop(StackState& state, unsigned gpr) {
  if (state.rsp == kUnknown) {
    write(state, gpr);
    return gpr != kSp;
  }
  const std::int32_t place = state.rsp;
  if (gpr == kSp) {
    state.rsp = kUnknown;
    return true;
  }
  const bool zero_rbp = state.zero_rbp;
  load(state, gpr, place);
  state.zero_rbp = zero_rbp;
  return move_rsp(state, std::int64_t{place} + 8);
}

// Place of a memory operand on the stack, if it is known.
std::int64_t place_of(const Instruction& in, const StackState& state) {
  if (!in.is_memory() || in.indexed || in.segment || in.address_size) {
    return kUnknown;
  }
  const std::int32_t base = in.base == kSp ? state.rsp : in.base == kBp ? state.rbp : kUnknown;
  return base == kUnknown ? std::int64_t{kUnknown} : std::int64_t{base} + in.displacement;
}

bool leave(StackState& state) {
  if (state.rbp == kUnknown) {
    write(state, kBp);
    state.rsp = kUnknown;
    return true;
  }
  return move_rsp(state, state.rbp) && pop(state, kBp);
}

// mov to a register that holds a place on the stack.
bool set_place(StackState& state, unsigned gpr, std::int64_t place) {
  if (gpr == kSp) {
    if (place == kUnknown) {
      state.rsp = kUnknown;
      return true;
    }
    return move_rsp(state, place);
  }
  write(state, gpr);
  if (gpr == kBp && place != kUnknown && place <= -16 && place >= -kLargestFrame) {
    state.rbp = static_cast<std::int32_t>(place);
  }
  return true;
}

std::int64_t value_of(const StackState& state, unsigned gpr) {
  return gpr == kSp ? state.rsp : gpr == kBp ? state.rbp : kUnknown;
}

bool changes_memory(const Instruction& in) {
  return in.is(Instruction::kOneByte, 0x89) || in.is(Instruction::kOneByte, 0xc7) ||
         in.is(Instruction::kOneByte, 0x87) || in.is(Instruction::kOneByte, 0x01) ||
         in.is(Instruction::kOneByte, 0x83) || in.is(Instruction::kOneByte, 0x81);
}

bool apply_any(const Instruction& in, StackState& state) {
  const std::uint16_t written = written_registers(in);
  for (const unsigned gpr : kGprs) {
    if ((written >> gpr & 1) != 0) {
      write(state, gpr);
    }
  }
  if ((written >> kSp & 1) != 0) {
    state.rsp = kUnknown;
  }
  const std::int64_t place = place_of(in, state);
  if (place == kUnknown || !changes_memory(in)) {
    return true;
  }
  const bool compares = in.opcode != 0x89 && in.opcode != 0xc7 && in.opcode != 0x87 && (in.reg & 7) == 7;
  if (compares && in.opcode != 0x01) {
    return true;
  }
  for (std::uint16_t& slot : state.slots) {
    slot = slot != 0 && place == -8 * std::int64_t{slot} ? std::uint16_t{0} : slot;
  }
  return place != -8;  // a function that changes its own return address
}

bool apply_stack(const Instruction& in, StackState& state, bool& done) {
  done = true;
  const unsigned op = in.opcode;
  const unsigned group = in.reg & 7U;
  if (op >= 0x50 && op < 0x60) {
    if (in.operand_size) {
      state.rsp = kUnknown;
      return true;
    }
    return op < 0x58 ? push(state, in.rm) : pop(state, in.rm);
  }
  switch (op) {
    case 0x68:
    case 0x6a:
    case 0x9c:
      return push(state, kNoGpr);
    case 0x9d:
      return pop(state, kNoGpr);
    case 0x8f:
      return pop(state, in.is_memory() ? unsigned{kNoGpr} : in.rm);
    case 0xff:
      if (group == 6) {
        return push(state, in.is_memory() ? unsigned{kNoGpr} : in.rm);
      }
      break;
    case 0xc8:
      state.rsp = kUnknown;
      write(state, kBp);
      return true;
    case 0xc9:
      return leave(state);
    case 0x81:
    case 0x83:
      if (in.mod == 3 && in.rm == kSp && in.wide && (group == 0 || group == 5) && state.rsp != kUnknown) {
        return move_rsp(state, state.rsp + (group == 0 ? in.immediate : -in.immediate));
      }
      break;
    case 0x8d:
      if (in.wide && !in.indexed && (in.reg == kSp || in.reg == kBp)) {
        return set_place(state, in.reg, place_of(in, state));
      }
      break;
    case 0x89:
    case 0x8b:
      if (in.mod == 3 && in.wide) {
        const unsigned to = op == 0x89 ? in.rm : in.reg;
        const unsigned from = op == 0x89 ? in.reg : in.rm;
        if (to == kSp || to == kBp) {
          return set_place(state, to, value_of(state, from));
        }
        break;
      }
      if (const std::int64_t place = place_of(in, state); place != kUnknown && place != -8 && in.wide) {
        if (op == 0x8b && in.reg != kSp) {
          load(state, in.reg, place);
          return true;
        }
        if (op == 0x89 && apply_any(in, state)) {
          save(state, in.reg, place);
          return true;
        }
      }
      break;
    case 0x31:
    case 0x33:
      if (in.mod == 3 && in.rm == kBp && in.reg == kBp) {
        write(state, kBp);
        state.zero_rbp = true;
        return true;
      }
      break;
    default:
      break;
  }
  done = false;
  return true;
}

}  // namespace

std::size_t preserved_index(unsigned gpr) {
  switch (gpr) {
    case kBx:
      return 0;
    case kBp:
      return kBpIndex;
    case 12:
    case 13:
    case 14:
    case 15:
      return gpr - 10;
    default:
      return StackState::kPreserved;
  }
}

bool apply(const Instruction& in, StackState& state) {
  if (state.root) {
    return true;
  }
  if (!in.vector_prefix && in.map == Instruction::kOneByte) {
    bool done = false;
    const bool good = apply_stack(in, state, done);
    if (done) {
      return good;
    }
  } else if (!in.vector_prefix && in.map == Instruction::k0F) {
    if (in.opcode == 0xa0 || in.opcode == 0xa8) {
      return push(state, kNoGpr);
    }
    if (in.opcode == 0xa1 || in.opcode == 0xa9) {
      return pop(state, kNoGpr);
    }
  }
  return apply_any(in, state);
}

bool merge(StackState& a, const StackState& b) {
  if (a == b) {
    return true;
  }
  if (a.root != b.root) {
    return false;
  }
  if (a.rsp != b.rsp) {
    if ((a.rsp != kUnknown && b.rsp != kUnknown) || a.rbp != b.rbp || a.rbp == kUnknown) {
      return false;
    }
    a.rsp = kUnknown;
  }
  if (a.rbp != b.rbp) {
    a.rbp = kUnknown;
    if (a.rsp == kUnknown) {
      return false;
    }
  }
  for (std::size_t i = 0; i < StackState::kPreserved; ++i) {
    if (a.slots[i] != b.slots[i]) {
      // Where one path has it saved and unchanged, the register itself serves both.
      const bool modified = ((a.modified | b.modified) >> i & 1) != 0;
      a.slots[i] = 0;
      a.modified |= static_cast<std::uint8_t>((modified ? 1U : 0U) << i);
    }
  }
  a.modified |= b.modified;
  a.zero_rbp = a.zero_rbp && b.zero_rbp;
  return true;
}

unwind_row row_of(const StackState& state) {
  unwind_row none{};
  none.rule = state.root ? UNWIND_END : UNWIND_NONE;
  if (state.root || !state.known()) {
    return none;
  }
  X86State full;
  const bool by_rsp = state.rsp != kUnknown;
  full.cfa = {CfaKind::kRegister, by_rsp ? std::uint32_t{kRsp} : std::uint32_t{kRbp},
              -std::int64_t{by_rsp ? state.rsp : state.rbp}};
  full.registers[kReturnAddress] = RegisterRule(RuleKind::kOffset, -8);
  constexpr std::array<std::uint8_t, StackState::kPreserved> kDwarf = {kRbx, kRbp, kR12, kR13, kR14, kR15};
  for (std::size_t i = 0; i < StackState::kPreserved; ++i) {
    if (state.slots[i] != 0) {
      full.registers[kDwarf[i]] = RegisterRule(RuleKind::kOffset, -8 * std::int64_t{state.slots[i]});
    } else if ((state.modified >> i & 1) != 0) {
      full.registers[kDwarf[i]] = RegisterRule(RuleKind::kUndefined);
    }
  }
  const unwind_row row = x86_64::encode(full, {}, false);
  return row.rule == UNWIND_UNSUPPORTED ? none : row;
}

}  // namespace stoker::unwind::x86_64
