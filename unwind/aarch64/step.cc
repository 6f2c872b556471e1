// One frame of aarch64 code: the rules of bpf/shared/unwind_table.h, carried out.
#include "unwind/aarch64/encode.h"
#include "unwind/walker.h"

namespace stoker::unwind {
namespace {

using namespace aarch64;

constexpr unsigned kPc = 32;
// What calls preserve (AAPCS64 §6.1.1) and rules ask for: x19 to x28 are not followed.
constexpr std::uint64_t kPreserved =
    std::uint64_t{1} << kFp | std::uint64_t{1} << kSp | std::uint64_t{1} << kPc;

std::optional<std::uint64_t> word(WalkSource& source, std::uint64_t address) {
  std::uint64_t value = 0;
  const bool read = source.read(address, std::as_writable_bytes(std::span(&value, 1)));
  return read ? std::optional(value) : std::nullopt;
}

StepResult context(const unwind_row& row, Registers& registers, WalkSource& source) {
  const auto number = static_cast<unsigned>(UNWIND_REG_OF(row.offset));
  if (!registers.has(number)) {
    return {Step::kEnd, WalkEnd::kCutLostRegister};
  }
  const std::uint64_t base =
      registers.values[number] + static_cast<std::uint64_t>(std::int64_t{UNWIND_REG_OFFSET(row.offset)} * 8);
  Registers found;
  for (unsigned i = 0; i <= kPc; ++i) {  // x0 to x30, sp, pc follow each other
    const auto value = word(source, base + UNWIND_ARM_UC_X0 + 8 * std::uint64_t{i});
    if (!value) {
      return {Step::kEnd, WalkEnd::kCutUnreadable};
    }
    found.set(i, *value);
  }
  registers = found;
  return {Step::kInterrupted, {}};
}

}  // namespace

StepResult step_aarch64(const unwind_row& row, Registers& registers, WalkSource& source, bool leaf,
                        std::uint64_t address_mask) {
  unsigned number = kSp;
  std::int64_t offset = row.offset;
  switch (row.rule) {
    case UNWIND_NONE:
      return {Step::kEnd, WalkEnd::kCutNoRule};
    case UNWIND_END:
      return {Step::kEnd, WalkEnd::kRootUndefined};
    case UNWIND_SIGNAL:
      return context(row, registers, source);
    case UNWIND_RSP:
      break;
    case UNWIND_RBP:
    case UNWIND_FRAME_POINTER:
      number = kFp;
      break;
    case UNWIND_REG:
      number = static_cast<unsigned>(UNWIND_REG_OF(row.offset));
      offset = UNWIND_REG_OFFSET(row.offset);
      break;
    default:
      return {Step::kEnd, WalkEnd::kCutUnsupported};
  }
  if (!registers.has(number)) {
    return {Step::kEnd, WalkEnd::kCutLostRegister};
  }
  const std::uint64_t start = registers.values[number];
  const std::uint64_t frame = start + static_cast<std::uint64_t>(offset * 8);
  const std::uint64_t sp = registers.values[kSp];
  if (row.rule == UNWIND_FRAME_POINTER) {
    if (start == 0) {
      return {Step::kEnd, WalkEnd::kRootZero};
    }
    if (start % 8 != 0 || start < sp) {
      return {Step::kEnd, WalkEnd::kCutBadFramePointer};
    }
  } else if (frame < sp || (frame == sp && !leaf)) {
    return {Step::kEnd, WalkEnd::kCutNoProgress};
  }

  const bool pair = (row.flags & UNWIND_PAIR) != 0;
  const unsigned fp_slot = pair ? row.rbp | static_cast<unsigned>(row.lr) << 8 : row.rbp;
  const unsigned lr_slot = pair ? fp_slot - 1 : row.lr;
  // The return address is in x30 only until the function calls another.
  if (lr_slot == UNWIND_SAME && !registers.has(kLr)) {
    return {Step::kEnd, WalkEnd::kCutLostRegister};
  }
  const auto pc = lr_slot == UNWIND_SAME ? std::optional(registers.values[kLr])
                                         : word(source, frame - 8 * std::uint64_t{lr_slot});
  if (!pc) {
    return {Step::kEnd, WalkEnd::kCutUnreadable};
  }
  if (!pair && fp_slot == UNWIND_LOST) {
    registers.forget(kFp);
  } else if (fp_slot != UNWIND_SAME) {
    const auto fp = word(source, frame - 8 * std::uint64_t{fp_slot});
    if (!fp) {
      return {Step::kEnd, WalkEnd::kCutUnreadable};
    }
    registers.set(kFp, *fp);
  }
  registers.set(kSp, frame);
  registers.set(kPc, *pc & address_mask);
  registers.known &= kPreserved;
  return {Step::kCalled, {}};
}

}  // namespace stoker::unwind
