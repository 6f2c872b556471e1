#include "unwind/x86_64/encode.h"

#include <array>
#include <bit>
#include <optional>

#include "unwind/expression.h"

namespace stoker::unwind::x86_64 {
namespace {

constexpr RegisterRule kUsualReturnAddress(RuleKind::kOffset, -8);

Expression classify(ByteView section, std::int64_t reference) {
  const ExpressionRef ref = ExpressionRef::from(reference);
  return classify_expression(slice(section, ref.offset, ref.length));
}

// offset bytes as words in a field of so many bits.
std::optional<std::int16_t> words(std::int64_t offset, unsigned bits) {
  const std::int64_t limit = std::int64_t{1} << (bits - 1);
  if (offset % 8 != 0 || offset / 8 < -limit || offset / 8 >= limit) {
    return std::nullopt;
  }
  return static_cast<std::int16_t>(offset / 8);
}

std::optional<std::int16_t> pack_reg(std::uint32_t reg, std::int64_t offset) {
  const auto count = words(offset, 11);
  if (!count || reg > 31) {
    return std::nullopt;
  }
  return static_cast<std::int16_t>(*count * 32 + static_cast<std::int16_t>(reg));
}

std::optional<std::int16_t> pack_deref(std::int64_t first, std::int64_t second) {
  const auto n = words(first, 10);
  if (!n || second < 0 || second % 8 != 0 || second / 8 > 63) {
    return std::nullopt;
  }
  return static_cast<std::int16_t>(*n * 64 + second / 8);
}

// Reads slots relative to the CFA, or for DRAP frames relative to rbp + 8.
class Slots {
 public:
  Slots(const X86State& state, ByteView section, bool from_rbp)
      : state_(state), section_(section), from_rbp_(from_rbp) {}

  std::uint8_t slot(unsigned reg) const {
    const RegisterRule rule = state_.registers[reg];
    if (!rule.specified()) {
      return UNWIND_SAME;
    }
    std::int64_t below = 0;
    switch (rule.kind()) {
      case RuleKind::kUnspecified:
      case RuleKind::kSameValue:
        return UNWIND_SAME;
      case RuleKind::kOffset:
        if (from_rbp_) {
          return UNWIND_LOST;
        }
        below = -rule.value();
        break;
      case RuleKind::kExpression: {
        const Expression expression = classify(section_, rule.value());
        if (!from_rbp_ || expression.shape != Shape::kRegister || expression.reg != kRbp) {
          return UNWIND_LOST;
        }
        below = 8 - expression.first;
        break;
      }
      default:
        return UNWIND_LOST;
    }
    return below > 0 && below % 8 == 0 && below / 8 < UNWIND_LOST ? static_cast<std::uint8_t>(below / 8)
                                                                  : std::uint8_t{UNWIND_LOST};
  }

  std::uint8_t r12_r15() const {
    const auto& registers = state_.registers;
    if (!registers[kR12].specified() && !registers[kR13].specified() && !registers[kR14].specified() &&
        !registers[kR15].specified()) {
      return 0;
    }
    unsigned mask = 0;
    std::array<std::uint8_t, 4> slots{};  // of the saved ones, r15 first
    std::size_t count = 0;
    for (unsigned i = 0; i < 4; ++i) {
      const std::uint8_t at = slot(kR15 - i);
      if (at == UNWIND_LOST) {
        return UNWIND_LOST;
      }
      if (at != UNWIND_SAME) {
        mask |= 1U << i;
        slots[count++] = at;
      }
    }
    if (count == 0) {
      return 0;
    }
    const bool ascending = count > 1 && slots[1] < slots[0];
    for (std::size_t i = 1; i < count; ++i) {
      if (slots[i] != slots[i - 1] + (ascending ? -1 : 1)) {
        return UNWIND_LOST;
      }
    }
    const unsigned first = ascending ? slots[count - 1] : slots[0];
    if (first < 2 || first > 9) {
      return UNWIND_LOST;
    }
    const unsigned packed = mask | (ascending ? UNWIND_ASCENDING : 0) | (first - 2) << 5;
    return static_cast<std::uint8_t>(packed);
  }

 private:
  const X86State& state_;
  ByteView section_;
  bool from_rbp_;
};

unwind_row bare(unwind_rule rule, std::int16_t offset = 0) {
  unwind_row row{};
  row.rule = static_cast<u8>(rule);
  row.offset = offset;
  return row;
}

unwind_row with_slots(unwind_row row, const X86State& state, ByteView section) {
  const Slots slots(state, section, row.rule == UNWIND_DRAP || row.rule == UNWIND_REG_DRAP);
  row.rbp = slots.slot(kRbp);
  row.rbx = slots.slot(kRbx);
  row.r12_r15 = slots.r12_r15();
  return row;
}

unwind_row lost_registers(unwind_row row) {
  row.rbp = row.rbx = row.r12_r15 = UNWIND_LOST;
  return row;
}

unwind_row wide(unwind_rule rule, const X86State& state, ByteView section) {
  const std::int64_t offset = state.cfa.offset;
  if (offset < -(1 << 23) || offset >= 1 << 23) {
    return bare(UNWIND_UNSUPPORTED);
  }
  unwind_row row = with_slots(bare(rule, static_cast<std::int16_t>(offset & 0xffff)), state, section);
  row.r12_r15 = static_cast<u8>(offset >> 16);
  return row;
}

// GCC saves rbp by the expression "rbp" in frames whose stack it realigns.
bool is_drap(const X86State& state, ByteView section) {
  const RegisterRule rbp = state.registers[kRbp];
  if (rbp.kind() != RuleKind::kExpression) {
    return false;
  }
  const Expression expression = classify(section, rbp.value());
  return expression.shape == Shape::kRegister && expression.reg == kRbp;
}

unwind_row encode_usual(const X86State& state, ByteView section) {
  const CfaRule& cfa = state.cfa;
  if (cfa.kind == CfaKind::kRegister) {
    if (cfa.reg == kRsp || (cfa.reg == kRbp && !is_drap(state, section))) {
      if (const auto offset = words(cfa.offset, 16)) {
        return with_slots(bare(cfa.reg == kRsp ? UNWIND_RSP : UNWIND_RBP, *offset), state, section);
      }
      return wide(cfa.reg == kRsp ? UNWIND_RSP_WIDE : UNWIND_RBP_WIDE, state, section);
    }
    const auto packed = pack_reg(cfa.reg, cfa.offset);
    if (!packed || cfa.reg >= kReturnAddress) {
      return bare(UNWIND_UNSUPPORTED);
    }
    return with_slots(bare(is_drap(state, section) ? UNWIND_REG_DRAP : UNWIND_REG, *packed), state, section);
  }
  const Expression expression = classify(section, cfa.offset);
  if (expression.shape == Shape::kPlt && expression.reg == kRsp) {
    return with_slots(bare(UNWIND_PLT, static_cast<std::int16_t>(expression.first)), state, section);
  }
  if (expression.shape == Shape::kDeref && expression.reg == kRbp && expression.second == 0) {
    if (const auto offset = words(expression.first, 16); offset && is_drap(state, section)) {
      return with_slots(bare(UNWIND_DRAP, *offset), state, section);
    }
  }
  const bool by_r9 =
      expression.shape == Shape::kDerefIndexed && expression.reg == kRsp && expression.index == kR9;
  if (expression.shape == Shape::kDeref || by_r9) {
    const auto packed = pack_deref(expression.first, expression.second);
    if (packed && by_r9) {
      return with_slots(bare(UNWIND_DEREF_R9, *packed), state, section);
    }
    if (packed && (expression.reg == kRsp || expression.reg == kRbp)) {
      return with_slots(bare(expression.reg == kRsp ? UNWIND_DEREF_RSP : UNWIND_DEREF_RBP, *packed), state,
                        section);
    }
  }
  return bare(UNWIND_UNSUPPORTED);
}

// The register and offset that a rule's memory address is made of.
std::optional<Expression> address_of(const X86State& state, unsigned reg, ByteView section) {
  const RegisterRule rule = state.registers[reg];
  if (rule.kind() == RuleKind::kExpression) {
    const Expression expression = classify(section, rule.value());
    return expression.shape == Shape::kRegister ? std::optional(expression) : std::nullopt;
  }
  if (rule.kind() == RuleKind::kOffset && state.cfa.kind == CfaKind::kRegister && state.cfa.reg < 32) {
    return Expression{Shape::kRegister, static_cast<std::uint8_t>(state.cfa.reg), 0,
                      state.cfa.offset + rule.value(), 0};
  }
  return std::nullopt;
}

// All registers in a ucontext: its address is where the return address lies, less that field's offset.
std::optional<unwind_row> encode_context(const X86State& state, ByteView section, bool signal_frame) {
  const auto pc = address_of(state, kReturnAddress, section);
  if (!pc) {
    return std::nullopt;
  }
  const std::int64_t context = pc->first - UNWIND_X86_UC_RIP;
  const auto lies_at = [&](unsigned reg, std::int64_t field) {
    const auto place = address_of(state, reg, section);
    return place && place->reg == pc->reg && place->first == context + field;
  };
  bool rsp = lies_at(kRsp, UNWIND_X86_UC_RSP);
  if (state.cfa.kind == CfaKind::kExpression && !state.registers[kRsp].specified()) {
    const Expression cfa = classify(section, state.cfa.offset);
    rsp = cfa.shape == Shape::kDeref && cfa.reg == pc->reg && cfa.first == context + UNWIND_X86_UC_RSP &&
          cfa.second == 0;
  }
  const auto packed = pack_reg(pc->reg, context);
  if (!rsp || !packed || !lies_at(kRbp, UNWIND_X86_UC_RBP) || !lies_at(kRbx, UNWIND_X86_UC_RBX)) {
    return std::nullopt;
  }
  return bare(signal_frame ? UNWIND_SIGNAL : UNWIND_CONTEXT, *packed);
}

// The return address, and perhaps rsp and rbp, are in registers.
std::optional<unwind_row> encode_jump(const X86State& state, ByteView section) {
  const RegisterRule pc = state.registers[kReturnAddress];
  const RegisterRule rsp = state.registers[kRsp];
  const RegisterRule rbp = state.registers[kRbp];
  if (pc.kind() != RuleKind::kRegister || state.cfa.kind != CfaKind::kRegister) {
    return std::nullopt;
  }
  std::int64_t rsp_register = state.cfa.reg;
  std::int64_t add = state.cfa.offset;
  if (rsp.kind() == RuleKind::kRegister) {
    rsp_register = rsp.value();
    add = 0;
  } else if (rsp.specified()) {
    return std::nullopt;
  }
  const std::int64_t rbp_register = rbp.kind() == RuleKind::kRegister ? rbp.value() : std::int64_t{kRbp};
  if (rsp_register > 15 || rbp_register > 15 || pc.value() > 15 || add < 0 || add % 8 != 0 || add / 8 > 15) {
    return std::nullopt;
  }
  const auto packed =
      static_cast<std::uint16_t>(rsp_register | rbp_register << 4 | pc.value() << 8 | (add / 8) << 12);
  unwind_row row = bare(UNWIND_JUMP, std::bit_cast<std::int16_t>(packed));
  if (rsp.specified()) {
    // The other slots count from a CFA that is not the new rsp.
    const bool rbp_in_register = rbp.kind() == RuleKind::kRegister || !rbp.specified();
    row = lost_registers(row);
    row.rbp = rbp_in_register ? u8{UNWIND_SAME} : u8{UNWIND_LOST};
    return row;
  }
  row = with_slots(row, state, section);
  if (rbp.kind() == RuleKind::kRegister) {
    row.rbp = UNWIND_SAME;
  }
  return row;
}

}  // namespace

unwind_row encode(const X86State& state, ByteView section, bool signal_frame) {
  const RegisterRule pc = state.registers[kReturnAddress];
  if (pc.kind() == RuleKind::kUndefined) {
    return bare(UNWIND_END);
  }
  if (state.cfa.kind == CfaKind::kNone) {
    return bare(UNWIND_UNSUPPORTED);
  }
  const RegisterRule rsp = state.registers[kRsp];
  const bool rsp_is_cfa = !rsp.specified() || rsp == RegisterRule(RuleKind::kValOffset, 0);
  if (pc == kUsualReturnAddress && rsp_is_cfa && !signal_frame) {
    return encode_usual(state, section);
  }
  if (const auto context = encode_context(state, section, signal_frame)) {
    return *context;
  }
  if (const auto jump = encode_jump(state, section)) {
    return *jump;
  }
  return pc == kUsualReturnAddress && rsp_is_cfa ? encode_usual(state, section) : bare(UNWIND_UNSUPPORTED);
}

}  // namespace stoker::unwind::x86_64
