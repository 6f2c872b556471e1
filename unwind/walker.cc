#include "unwind/walker.h"

#include "bpf/shared/stats.h"

namespace stoker::unwind {
namespace {

unwind_row frame_pointer_row(elf::Machine machine) {
  unwind_row row{};
  row.rule = UNWIND_FRAME_POINTER;
  row.offset = 2;
  row.rbp = 2;
  row.rbx = UNWIND_LOST;
  row.r12_r15 = UNWIND_LOST;
  if (machine == elf::Machine::kAarch64) {
    row.lr = 1;
    row.flags = 0;
  }
  return row;
}

}  // namespace

const char* to_string(WalkEnd end) {
  switch (end) {
    case WalkEnd::kRootUndefined:
      return "root";
    case WalkEnd::kRootZero:
      return "root (zero)";
    case WalkEnd::kCutNoRule:
      return "no unwind rule";
    case WalkEnd::kCutUnsupported:
      return "unwind rule not supported";
    case WalkEnd::kCutUnreadable:
      return "stack memory unreadable";
    case WalkEnd::kCutNoMapping:
      return "code in no mapping";
    case WalkEnd::kCutLostRegister:
      return "register lost";
    case WalkEnd::kCutBadFramePointer:
      return "no frame pointer";
    case WalkEnd::kCutNoProgress:
      return "stack does not go up";
    case WalkEnd::kCutDepth:
      return "too deep";
  }
  return "?";
}

std::uint8_t to_stat(WalkEnd end) {
  switch (end) {
    case WalkEnd::kRootUndefined:
    case WalkEnd::kRootZero:
      return 0;
    case WalkEnd::kCutNoRule:
      return STAT_cut_no_rule;
    case WalkEnd::kCutUnsupported:
      return STAT_cut_unsupported;
    case WalkEnd::kCutUnreadable:
      return STAT_cut_unreadable;
    case WalkEnd::kCutNoMapping:
      return STAT_cut_no_mapping;
    case WalkEnd::kCutLostRegister:
      return STAT_cut_lost_register;
    case WalkEnd::kCutBadFramePointer:
      return STAT_cut_frame_pointer;
    case WalkEnd::kCutNoProgress:
      return STAT_cut_no_progress;
    case WalkEnd::kCutDepth:
      return STAT_cut_depth;
  }
  return STAT_cut_no_rule;
}

Walk walk(Registers registers, WalkSource& source, const WalkOptions& options) {
  const RegisterNames names = register_names(options.machine);
  Walk walk;
  bool exact = true;
  for (;;) {
    const std::uint64_t pc = registers.values[names.pc];
    walk.frames.push_back({pc, exact});
    // A return address may be the first byte behind a function that ends with a call of something that never
    // returns: the call is what ran.
    const auto place = source.find(exact ? pc : pc - 1);
    if (!place) {
      walk.end = WalkEnd::kCutNoMapping;
      return walk;
    }
    unwind_row row = frame_pointer_row(options.machine);
    if (place->row) {
      row = *place->row;
    } else if (place->table != nullptr) {
      const auto found = place->table->find(place->address);
      row = found ? *found : unwind_row{};
    }
    if (row.rule == UNWIND_SIGNAL || (row.rule == UNWIND_END && row.offset == UNWIND_END_AT_START)) {
      walk.frames.back().exact = true;  // the kernel or makecontext gave its first address, no call did
    }
    const StepResult result = options.machine == elf::Machine::kAarch64
                                  ? step_aarch64(row, registers, source, exact, options.address_mask)
                                  : step_x86(row, registers, source, exact);
    if (result.step == Step::kEnd) {
      walk.end = result.end;
      return walk;
    }
    // Code that jumped to 0 and was interrupted there has not ended.
    if (registers.values[names.pc] == 0 && result.step == Step::kCalled) {
      walk.end = WalkEnd::kRootZero;
      return walk;
    }
    if (walk.frames.size() >= options.deepest) {
      walk.end = WalkEnd::kCutDepth;
      return walk;
    }
    exact = result.step == Step::kInterrupted;
  }
}

}  // namespace stoker::unwind
