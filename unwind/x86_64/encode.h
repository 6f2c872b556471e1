// x86-64 rows in eight bytes (bpf/shared/unwind_table.h).
#pragma once

#include "base/bytes.h"
#include "bpf/shared/unwind_table.h"
#include "unwind/rows.h"

namespace stoker::unwind::x86_64 {

// DWARF numbers (psABI figure 3.36).
enum Register : std::uint8_t {
  kRdx = 1,
  kRbx = 3,
  kRdi = 5,
  kRbp = 6,
  kRsp = 7,
  kR9 = 9,
  kR12 = 12,
  kR13 = 13,
  kR14 = 14,
  kR15 = 15,
  kReturnAddress = 16
};

// The row for a state, address 0. section: what the state's expressions point into. What no rule can express
// is UNWIND_UNSUPPORTED; a register whose place no slot can express is UNWIND_LOST.
unwind_row encode(const X86State& state, ByteView section, bool signal_frame);

}  // namespace stoker::unwind::x86_64
