#include "unwind/aarch64/encode.h"

#include <optional>

namespace stoker::unwind::aarch64 {
namespace {

constexpr std::int64_t kSiginfoWords = 128 / 8;  // in front of the ucontext in Linux's rt_sigframe

unwind_row bare(unwind_rule rule) {
  unwind_row row{};
  row.rule = static_cast<u8>(rule);
  return row;
}

std::uint8_t slot(const RegisterRule rule) {
  if (rule.kind() == RuleKind::kUnspecified || rule.kind() == RuleKind::kSameValue) {
    return UNWIND_SAME;
  }
  const std::int64_t below = -rule.value();
  const bool fits =
      rule.kind() == RuleKind::kOffset && below > 0 && below % 8 == 0 && below / 8 < UNWIND_LOST;
  return fits ? static_cast<std::uint8_t>(below / 8) : std::uint8_t{UNWIND_LOST};
}

// x29's slot, where x30 lies in the word above it.
std::optional<std::uint16_t> pair_slot(const ArmState& state) {
  const RegisterRule fp = state.registers[kFp];
  const RegisterRule lr = state.registers[kLr];
  const std::int64_t below = -fp.value();
  const bool pair = fp.kind() == RuleKind::kOffset && lr.kind() == RuleKind::kOffset &&
                    lr.value() == fp.value() + 8 && below > 8 && below % 8 == 0 && below / 8 <= 0xffff;
  return pair ? std::optional(static_cast<std::uint16_t>(below / 8)) : std::nullopt;
}

// glibc's lazy binding (_dl_runtime_resolve): its CFI leaves out of the frame what the PLT has pushed, so that the return
// address lies above it; until 2.36 at the least.
bool leaves_out_plt(const ArmState& state) {
  const RegisterRule lr = state.registers[kLr];
  return state.cfa.kind == CfaKind::kRegister && state.cfa.reg == kSp && lr.kind() == RuleKind::kOffset &&
         lr.value() == 8 && !state.registers[kFp].specified();
}

}  // namespace

unwind_row encode(const ArmState& state, ByteView section, bool signal_frame) {
  if (leaves_out_plt(state)) {
    ArmState with_plt = state;
    with_plt.cfa.offset += 16;
    with_plt.registers[kLr] = RegisterRule(RuleKind::kOffset, -8);
    return encode(with_plt, section, signal_frame);
  }
  if (state.registers[kLr].kind() == RuleKind::kUndefined) {
    return bare(UNWIND_END);
  }
  if (signal_frame) {
    // The vDSO's CFI only leads to the frame record in the signal frame; the ucontext has all registers.
    unwind_row row = bare(UNWIND_SIGNAL);
    row.offset = static_cast<std::int16_t>(kSiginfoWords * 32 + kSp);
    return row;
  }
  if (state.cfa.kind != CfaKind::kRegister || state.cfa.reg > kSp || state.registers[kSp].specified()) {
    return bare(UNWIND_UNSUPPORTED);
  }
  unwind_row row{};
  row.rbp = slot(state.registers[kFp]);
  row.lr = slot(state.registers[kLr]);
  row.flags = state.return_address_signed ? UNWIND_RA_SIGNED : 0;
  if (row.rbp == UNWIND_LOST || row.lr == UNWIND_LOST) {
    if (const auto pair = pair_slot(state)) {
      row.rbp = static_cast<u8>(*pair & 0xff);
      row.lr = static_cast<u8>(*pair >> 8);
      row.flags |= UNWIND_PAIR;
    } else if (row.lr == UNWIND_LOST) {
      return bare(UNWIND_UNSUPPORTED);
    }
  }
  const std::int64_t offset = state.cfa.offset;
  const std::int64_t limit = state.cfa.reg == kSp || state.cfa.reg == kFp ? 1 << 15 : 1 << 10;
  if (offset % 8 != 0 || offset / 8 < -limit || offset / 8 >= limit) {
    return bare(UNWIND_UNSUPPORTED);
  }
  if (state.cfa.reg == kSp || state.cfa.reg == kFp) {
    row.rule = state.cfa.reg == kSp ? UNWIND_RSP : UNWIND_RBP;
    row.offset = static_cast<std::int16_t>(offset / 8);
  } else {
    row.rule = UNWIND_REG;
    row.offset = static_cast<std::int16_t>(offset / 8 * 32 + state.cfa.reg);
  }
  return row;
}

}  // namespace stoker::unwind::aarch64
