// One frame of x86-64 code: the rules of bpf/shared/unwind_table.h, carried out.
#include "bpf/shared/leaf_code.h"
#include "unwind/walker.h"
#include "unwind/x86_64/encode.h"

namespace stoker::unwind {
namespace {

using namespace x86_64;

constexpr unsigned kPc = kReturnAddress;
// What calls preserve (psABI figure 3.4), and where the caller goes on.
constexpr std::uint64_t kPreserved =
    1U << kRbx | 1U << kRbp | 1U << kRsp | 1U << kR12 | 1U << kR13 | 1U << kR14 | 1U << kR15 | 1U << kPc;

class Stepper {
 public:
  Stepper(const unwind_row& row, Registers& registers, WalkSource& source, bool leaf)
      : row_(row), registers_(registers), source_(source), leaf_(leaf) {}

  StepResult run() {
    switch (row_.rule) {
      case UNWIND_NONE:
        return end(WalkEnd::kCutNoRule);
      case UNWIND_END:
        return end(WalkEnd::kRootUndefined);
      case UNWIND_SIGNAL:
      case UNWIND_CONTEXT:
        return context();
      case UNWIND_FRAME_POINTER:
        return frame_pointer();
      case UNWIND_JUMP:
        return jump();
      case UNWIND_GOROUTINE:
        return goroutine();
      default:
        break;
    }
    const auto frame = cfa();
    return frame ? finish(*frame) : end(failure_);
  }

 private:
  static StepResult end(WalkEnd why) { return {Step::kEnd, why}; }

  // Of a rule by any register: the field has room for 32, of which x86-64 has 16.
  unsigned named_register() const { return static_cast<unsigned>(UNWIND_REG_OF(row_.offset)) % 16; }

  // The value of a register; remembers a failure when it is not known.
  std::optional<std::uint64_t> reg(unsigned number) {
    if (!registers_.has(number)) {
      failure_ = WalkEnd::kCutLostRegister;
      return std::nullopt;
    }
    return registers_.values[number];
  }
  std::optional<std::uint64_t> word(std::uint64_t address) {
    std::uint64_t value = 0;
    if (!source_.read(address, std::as_writable_bytes(std::span(&value, 1)))) {
      failure_ = WalkEnd::kCutUnreadable;
      return std::nullopt;
    }
    return value;
  }
  static std::uint64_t times8(int words) { return static_cast<std::uint64_t>(std::int64_t{words} * 8); }
  std::optional<std::uint64_t> plus(std::optional<std::uint64_t> value, std::uint64_t more) {
    return value ? std::optional(*value + more) : std::nullopt;
  }
  std::optional<std::uint64_t> deref(std::optional<std::uint64_t> address) {
    return address ? word(*address) : std::nullopt;
  }

  std::optional<std::uint64_t> cfa() {
    const int offset = row_.offset;
    const auto wide =
        static_cast<std::int32_t>(static_cast<std::uint32_t>(row_.r12_r15) << 24 |
                                  static_cast<std::uint32_t>(static_cast<std::uint16_t>(offset)) << 8) >>
        8;
    const std::uint64_t n = times8(UNWIND_DEREF_N(offset));
    const std::uint64_t k = times8(UNWIND_DEREF_K(offset));
    switch (row_.rule) {
      case UNWIND_RSP:
        return plus(reg(kRsp), times8(offset));
      case UNWIND_RBP:
        return plus(reg(kRbp), times8(offset));
      case UNWIND_RSP_WIDE:
        return plus(reg(kRsp), static_cast<std::uint64_t>(std::int64_t{wide}));
      case UNWIND_RBP_WIDE:
        return plus(reg(kRbp), static_cast<std::uint64_t>(std::int64_t{wide}));
      case UNWIND_REG:
      case UNWIND_REG_DRAP:
        return by_register(named_register(), times8(UNWIND_REG_OFFSET(offset)));
      case UNWIND_DRAP:
        return deref(plus(reg(kRbp), times8(offset)));
      case UNWIND_DEREF_RSP:
        return plus(deref(plus(reg(kRsp), n)), k);
      case UNWIND_DEREF_RBP:
        return plus(deref(plus(reg(kRbp), n)), k);
      case UNWIND_DEREF_R9: {
        const auto index = reg(kR9);
        return index ? plus(deref(plus(reg(kRsp), n + 8 * *index)), k) : std::nullopt;
      }
      case UNWIND_PLT: {
        const bool pushed = (registers_.values[kPc] & 15) >= static_cast<std::uint64_t>(offset);
        return plus(reg(kRsp), pushed ? 16 : 8);
      }
      case UNWIND_GO_SWITCH:
        return plus(reg(kRbp), 16);
      default:
        failure_ = WalkEnd::kCutUnsupported;
        return std::nullopt;
    }
  }

  std::optional<std::uint64_t> by_register(unsigned number, std::uint64_t offset) {
    const auto frame = plus(reg(number), offset);
    const bool may_have_changed = !leaf_ && (kPreserved >> number & 1) == 0;
    if (frame && may_have_changed &&
        (*frame % 8 != 0 || *frame - registers_.values[kRsp] > UNWIND_LARGEST_GUESSED)) {
      failure_ = WalkEnd::kCutLostRegister;
      return std::nullopt;
    }
    return frame;
  }

  // The registers' slots below base; false when one cannot be read. Values are those before the step, so that
  // none is read through one that has changed.
  bool restore(std::uint64_t base, bool with_r12_r15) {
    return restore_one(kRbp, row_.rbp, base) && restore_one(kRbx, row_.rbx, base) &&
           (!with_r12_r15 || restore_r12_r15(base));
  }
  bool restore_one(unsigned number, unsigned slot, std::uint64_t base) {
    if (slot == UNWIND_LOST) {
      registers_.forget(number);
    } else if (slot != UNWIND_SAME) {
      const auto value = word(base - 8 * std::uint64_t{slot});
      if (!value) {
        return false;
      }
      registers_.set(number, *value);
    }
    return true;
  }
  bool restore_r12_r15(std::uint64_t base) {
    const unsigned packed = row_.r12_r15;
    if (packed == UNWIND_LOST) {
      for (const unsigned number : {kR12, kR13, kR14, kR15}) {
        registers_.forget(number);
      }
      return true;
    }
    unsigned slot = UNWIND_FIRST_SLOT(packed);
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned bit = (packed & UNWIND_ASCENDING) != 0 ? 3 - i : i;  // bit 0 is r15
      if ((packed >> bit & 1) != 0 && !restore_one(kR15 - bit, slot++, base)) {
        return false;
      }
    }
    return true;
  }

  StepResult finish(std::uint64_t frame) {
    // The stack pointer of a leaf may be as high as its caller's frame, no more: data below it is still live.
    const std::uint64_t rsp = registers_.values[kRsp];
    if (registers_.has(kRsp) && frame <= rsp && row_.rule != UNWIND_GO_SWITCH) {
      return end(WalkEnd::kCutNoProgress);
    }
    const auto pc = word(frame - 8);
    if (!pc) {
      return end(failure_);
    }
    const bool drap = row_.rule == UNWIND_DRAP || row_.rule == UNWIND_REG_DRAP;
    const bool wide = row_.rule == UNWIND_RSP_WIDE || row_.rule == UNWIND_RBP_WIDE;
    const auto base = drap ? plus(reg(kRbp), 8) : std::optional(frame);
    if (!base || !restore(*base, !wide)) {
      return end(failure_);
    }
    if (wide) {
      for (const unsigned number : {kR12, kR13, kR14, kR15}) {
        registers_.forget(number);
      }
    }
    registers_.set(kRsp, frame);
    registers_.set(kPc, *pc);
    if (!leaf_) {
      registers_.known &= kPreserved;  // kept over one call, see bpf/walk_state.h
    }
    return {Step::kCalled, {}};
  }

  StepResult frame_pointer() {
    if (leaf_) {
      std::array<std::uint8_t, 2 * LEAF_CODE_BYTES> code;
      code.fill(0xcc);
      const std::uint64_t pc = registers_.values[kPc];
      const auto bytes = std::as_writable_bytes(std::span(code));
      source_.read(pc - LEAF_CODE_BYTES, bytes.first<LEAF_CODE_BYTES>());
      source_.read(pc, bytes.last<LEAF_CODE_BYTES>());
      const std::uint32_t frame = leaf_frame_x86(code.data());
      if (frame != LEAF_BY_RBP) {
        unwind_row row{};
        row.rule = UNWIND_RSP;
        row.offset = frame == LEAF_AT_ENTRY ? 1 : 2;
        row.rbp = frame == LEAF_AT_ENTRY ? UNWIND_SAME : 2;
        return Stepper(row, registers_, source_, leaf_).run();
      }
    }
    const auto rbp = reg(kRbp);
    if (!rbp) {
      return end(failure_);
    }
    if (*rbp == 0) {
      return end(WalkEnd::kRootZero);
    }
    if (*rbp % 8 != 0 || *rbp < registers_.values[kRsp]) {
      return end(WalkEnd::kCutBadFramePointer);
    }
    return finish(*rbp + 16);
  }

  StepResult context() {
    const auto base = plus(reg(named_register()), times8(UNWIND_REG_OFFSET(row_.offset)));
    if (!base) {
      return end(failure_);
    }
    static constexpr std::array<std::uint16_t, 17> kFields = {UNWIND_X86_UC_RAX,
                                                              UNWIND_X86_UC_RDX,
                                                              UNWIND_X86_UC_RCX,
                                                              UNWIND_X86_UC_RBX,
                                                              UNWIND_X86_UC_RSI,
                                                              UNWIND_X86_UC_RDI,
                                                              UNWIND_X86_UC_RBP,
                                                              UNWIND_X86_UC_RSP,
                                                              40,
                                                              48,
                                                              56,
                                                              64,
                                                              72,
                                                              80,
                                                              88,
                                                              96,
                                                              UNWIND_X86_UC_RIP};
    Registers found;
    for (unsigned i = 0; i < kFields.size(); ++i) {
      const auto value = word(*base + kFields[i]);
      if (!value) {
        return end(failure_);
      }
      found.set(i, *value);
    }
    found.thread_pointer = registers_.thread_pointer;
    registers_ = found;
    if (row_.rule == UNWIND_SIGNAL) {
      return {Step::kInterrupted, {}};
    }
    registers_.known &= kPreserved;
    return {Step::kCalled, {}};
  }

  StepResult goroutine() {
    const auto g = word(registers_.thread_pointer + static_cast<std::uint64_t>(std::int64_t{UNWIND_GO_G}));
    const auto m = deref(plus(g, UNWIND_GO_M));
    const auto curg = deref(plus(m, times8(static_cast<std::uint16_t>(row_.offset))));
    if (curg == 0) {
      return end(WalkEnd::kRootUndefined);
    }
    const auto rsp = deref(plus(curg, UNWIND_GO_SCHED));
    const auto pc = deref(plus(curg, UNWIND_GO_SCHED + 8));
    if (!rsp || !pc) {
      return end(failure_);
    }
    registers_.known = 0;
    registers_.set(kRsp, *rsp);
    registers_.set(kPc, *pc);
    return {Step::kCalled, {}};
  }

  StepResult jump() {
    const auto packed = static_cast<std::uint16_t>(row_.offset);
    const auto rsp = plus(reg(UNWIND_JUMP_RSP(packed)), times8(UNWIND_JUMP_WORDS(packed)));
    const auto pc = reg(UNWIND_JUMP_PC(packed));
    const auto rbp_number = static_cast<unsigned>(UNWIND_JUMP_RBP(packed));
    const bool rbp_known = registers_.has(rbp_number);
    const std::uint64_t rbp = registers_.values[rbp_number];
    if (!rsp || !pc || !restore(*rsp, true)) {
      return end(failure_);
    }
    if (row_.rbp == UNWIND_SAME && rbp_number != kRbp) {
      registers_.set(kRbp, rbp);
      if (!rbp_known) {
        registers_.forget(kRbp);
      }
    }
    registers_.set(kRsp, *rsp);
    registers_.set(kPc, *pc);
    registers_.known &= kPreserved;
    return {Step::kCalled, {}};
  }

  const unwind_row row_;
  Registers& registers_;
  WalkSource& source_;
  const bool leaf_;
  WalkEnd failure_ = WalkEnd::kCutUnreadable;
};

}  // namespace

StepResult step_x86(const unwind_row& row, Registers& registers, WalkSource& source, bool leaf) {
  return Stepper(row, registers, source, leaf).run();
}

}  // namespace stoker::unwind
