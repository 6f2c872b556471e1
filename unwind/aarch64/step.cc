// One frame of aarch64 code: the rules of bpf/shared/unwind_table.h, carried out.
#include <algorithm>
#include <array>

#include "bpf/shared/arm64_frames.h"
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

// Code without a table, at the leaf: whether the return address still is, or again is, in x30.
bool leaf_has_no_frame(std::uint64_t pc, WalkSource& source) {
  constexpr std::uint64_t kPage = 4096;  // code may end at a page's end
  std::array<std::uint32_t, ARM_LEAF_BEHIND + ARM_LEAF_AHEAD> code{};
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(code));
  constexpr std::size_t kBehind = sizeof(std::uint32_t) * ARM_LEAF_BEHIND;
  source.read(pc - kBehind, bytes.first<kBehind>());
  const std::span<std::byte> ahead = bytes.subspan<kBehind>();
  source.read(pc, ahead.first(std::min<std::size_t>(ahead.size(), kPage - pc % kPage)));
  return arm_leaf_has_no_frame(code.data()) != 0;
}

// The caller's registers of a frame that ends at cfa. Where its slots cannot be read, the registers are as they were.
StepResult leave(const unwind_row& row, std::uint64_t cfa, Registers& registers, WalkSource& source,
                 std::uint64_t address_mask) {
  const bool pair = (row.flags & UNWIND_PAIR) != 0;
  const unsigned fp_slot = pair ? row.rbp | static_cast<unsigned>(row.lr) << 8 : row.rbp;
  const unsigned lr_slot = pair ? fp_slot - 1 : row.lr;
  // The return address is in x30 only until the function calls another.
  if (lr_slot == UNWIND_SAME && !registers.has(kLr)) {
    return {Step::kEnd, WalkEnd::kCutLostRegister};
  }
  const auto pc = lr_slot == UNWIND_SAME ? std::optional(registers.values[kLr])
                                         : word(source, cfa - 8 * std::uint64_t{lr_slot});
  if (!pc) {
    return {Step::kEnd, WalkEnd::kCutUnreadable};
  }
  if (!pair && fp_slot == UNWIND_LOST) {
    registers.forget(kFp);
  } else if (fp_slot != UNWIND_SAME) {
    const auto fp = word(source, cfa - 8 * std::uint64_t{fp_slot});
    if (!fp) {
      return {Step::kEnd, WalkEnd::kCutUnreadable};
    }
    registers.set(kFp, *fp);
  }
  registers.values[kSp] = cfa;
  registers.set(kPc, *pc & address_mask);
  registers.known &= kPreserved;
  return {Step::kCalled, {}};
}

// By x29, which points at a frame record: the caller's x29 and the return address. Where in the frame the record lies
// only its code knows, so the caller's sp is lost; its value remains one that the stack is not below.
StepResult frame_record(const unwind_row& row, Registers& registers, WalkSource& source, bool leaf,
                        std::uint64_t address_mask) {
  const std::uint64_t sp = registers.values[kSp];
  if (leaf && leaf_has_no_frame(registers.values[kPc], source)) {
    registers.forget(kSp);
    return leave(unwind_row{}, sp, registers, source, address_mask);
  }
  if (!registers.has(kFp)) {
    return {Step::kEnd, WalkEnd::kCutLostRegister};
  }
  const std::uint64_t record = registers.values[kFp];
  if (record == 0) {
    return {Step::kEnd, WalkEnd::kRootZero};
  }
  if (record % 8 != 0 || record < sp) {
    return {Step::kEnd, WalkEnd::kCutBadFramePointer};
  }
  registers.forget(kSp);
  return leave(row, record + 16, registers, source, address_mask);
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
      number = kFp;
      break;
    case UNWIND_FRAME_POINTER:
      return frame_record(row, registers, source, leaf, address_mask);
    case UNWIND_REG:
      number = static_cast<unsigned>(UNWIND_REG_OF(row.offset));
      offset = UNWIND_REG_OFFSET(row.offset);
      break;
    default:
      return {Step::kEnd, WalkEnd::kCutUnsupported};
  }
  if (!registers.has(kSp) && arm_record_at_bottom(row) != 0) {
    number = kFp;
  }
  if (!registers.has(number)) {
    return {Step::kEnd, WalkEnd::kCutLostRegister};
  }
  const std::uint64_t cfa = registers.values[number] + static_cast<std::uint64_t>(offset * 8);
  const std::uint64_t sp = registers.values[kSp];
  if (cfa < sp || (cfa == sp && !leaf)) {
    return {Step::kEnd, WalkEnd::kCutNoProgress};
  }
  registers.set(kSp, cfa);
  return leave(row, cfa, registers, source, address_mask);
}

}  // namespace stoker::unwind
