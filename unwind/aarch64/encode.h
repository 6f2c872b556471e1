// aarch64 rows in eight bytes (bpf/shared/unwind_table.h).
#pragma once

#include "base/bytes.h"
#include "bpf/shared/unwind_table.h"
#include "unwind/rows.h"

namespace stoker::unwind::aarch64 {

enum Register : std::uint8_t { kFp = 29, kLr = 30, kSp = 31 };

// As x86_64::encode. Expressions do not occur but for scalable vectors' frames, which are UNWIND_UNSUPPORTED.
unwind_row encode(const ArmState& state, ByteView section, bool signal_frame);

}  // namespace stoker::unwind::aarch64
