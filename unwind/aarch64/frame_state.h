// What one aarch64 instruction does to the frame. Encodings: Arm Architecture Reference Manual, C4.1.
#pragma once

#include <cstdint>

#include "bpf/shared/unwind_table.h"

namespace stoker::unwind::aarch64 {

// Distances are in bytes below the frame's end (the caller's sp).
struct FrameState {
  static constexpr std::int32_t kUnknown = -1;

  std::int32_t sp = 0;
  std::int32_t fp = kUnknown;  // where x29 points, once it has been set from sp
  std::int32_t saved_fp = 0;   // where the caller's x29 lies; 0: in x29 itself; kUnknown: lost
  std::int32_t saved_lr = 0;   // the same of the return address and x30

  bool operator==(const FrameState&) const = default;
  bool at_return() const { return sp == 0 && saved_lr == 0; }
};

enum class Flow : std::uint8_t { kNext, kCall, kBranch, kJump, kReturn, kStop };

// Where an instruction leads to. offset: of the target of a kCall, kBranch (or on) and kJump, in instructions; 0 where it is
// in a register.
struct Way {
  Flow flow = Flow::kNext;
  std::int32_t offset = 0;
};
Way way_of(std::uint32_t instruction);

// The state behind an instruction; behind a call, once it has returned.
FrameState behind(FrameState state, std::uint32_t instruction);

// The state's rule; UNWIND_NONE where rows cannot express it.
unwind_row row_of(const FrameState& state);

}  // namespace stoker::unwind::aarch64
