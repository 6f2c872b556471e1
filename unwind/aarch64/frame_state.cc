#include "unwind/aarch64/frame_state.h"

#include "unwind/aarch64/encode.h"

namespace stoker::unwind::aarch64 {
namespace {

constexpr std::int32_t kUnknown = FrameState::kUnknown;
constexpr std::int32_t kLargestFrame = 1 << 24;

constexpr unsigned bits(std::uint32_t value, unsigned from, unsigned count) {
  return value >> from & ((1U << count) - 1);
}
constexpr std::int32_t signed_bits(std::uint32_t value, unsigned from, unsigned count) {
  return static_cast<std::int32_t>(value << (32 - from - count)) >> (32 - count);
}

std::int32_t plus(std::int32_t distance, std::int32_t bytes) {
  const std::int32_t sum = distance + bytes;
  return distance == kUnknown || sum < 0 || sum > kLargestFrame ? kUnknown : sum;
}

std::int32_t base_of(const FrameState& state, unsigned reg) {
  return reg == kSp ? state.sp : reg == kFp ? state.fp : kUnknown;
}

void lose(FrameState& state, unsigned reg) {
  if (reg == kFp) {
    state.fp = kUnknown;
    state.saved_fp = state.saved_fp == 0 ? kUnknown : state.saved_fp;
  } else if (reg == kLr) {
    state.saved_lr = state.saved_lr == 0 ? kUnknown : state.saved_lr;
  }
}

// at: how far below the frame's end the register is stored.
void store(FrameState& state, unsigned reg, std::int32_t at) {
  std::int32_t& saved = reg == kFp ? state.saved_fp : state.saved_lr;
  if ((reg == kFp || reg == kLr) && saved == 0 && at > 0) {
    saved = at;
  }
}
void load(FrameState& state, unsigned reg, std::int32_t at) {
  if (reg != kFp && reg != kLr) {
    return;
  }
  std::int32_t& saved = reg == kFp ? state.saved_fp : state.saved_lr;
  if (saved > 0 && saved == at) {
    saved = 0;
  } else {
    lose(state, reg);
  }
  if (reg == kFp) {
    state.fp = kUnknown;
  }
}

// The write-back of an address that lies at bytes from the base.
void write_back(FrameState& state, unsigned reg, std::int32_t bytes) {
  if (reg == kSp) {
    state.sp = plus(state.sp, -bytes);
  } else if (reg == kFp) {
    state.fp = plus(state.fp, -bytes);
  }
}

void load_or_store_pair(FrameState& state, std::uint32_t code) {
  const bool vector = bits(code, 26, 1) != 0;
  const unsigned size = vector ? 4U << bits(code, 30, 2) : bits(code, 30, 2) == 2 ? 8 : 4;
  const unsigned mode = bits(code, 23, 2);  // 1 post-index, 2 offset, 3 pre-index
  const unsigned base = bits(code, 5, 5);
  const std::int32_t bytes = signed_bits(code, 15, 7) * static_cast<std::int32_t>(size);
  const std::int32_t at = plus(base_of(state, base), mode == 1 ? 0 : -bytes);
  if (!vector) {
    const unsigned first = bits(code, 0, 5);
    const unsigned second = bits(code, 10, 5);
    const bool loads = bits(code, 22, 1) != 0;
    const auto one = loads ? load : store;
    const bool whole = size == 8;
    one(state, first, whole ? at : kUnknown);
    one(state, second, whole ? plus(at, -8) : kUnknown);
  }
  if (mode == 1 || mode == 3) {
    write_back(state, base, bytes);
  }
}

void load_or_store(FrameState& state, std::uint32_t code) {
  const bool vector = bits(code, 26, 1) != 0;
  const unsigned base = bits(code, 5, 5);
  const bool scaled = bits(code, 24, 1) != 0;
  const bool by_register = !scaled && bits(code, 21, 1) != 0;
  const unsigned mode = scaled || by_register ? 0 : bits(code, 10, 2);  // 1 post-index, 3 pre-index
  const bool whole = !vector && bits(code, 30, 2) == 3;
  const std::int32_t bytes =
      scaled ? static_cast<std::int32_t>(bits(code, 10, 12)) * 8 : signed_bits(code, 12, 9);
  const std::int32_t at =
      whole && !by_register ? plus(base_of(state, base), mode == 1 ? 0 : -bytes) : kUnknown;
  if (!vector) {
    (bits(code, 22, 2) == 0 ? store : load)(state, bits(code, 0, 5), at);
  }
  if (mode == 1 || mode == 3) {
    write_back(state, base, bytes);
  }
}

// add and sub of an immediate (not those that set flags, whose register 31 is not sp).
bool add_immediate(FrameState& state, std::uint32_t code) {
  if ((code & 0xbf800000) != 0x91000000 && (code & 0xff800000) != 0xd1000000) {
    return false;
  }
  const unsigned to = bits(code, 0, 5);
  const unsigned from = bits(code, 5, 5);
  const bool subtracts = bits(code, 30, 1) != 0;
  const auto size = static_cast<std::int32_t>(bits(code, 10, 12) << (bits(code, 22, 1) != 0 ? 12 : 0));
  const std::int32_t at = plus(base_of(state, from), subtracts ? size : -size);
  if (to == kSp) {
    state.sp = at;
  } else if (to == kFp) {
    lose(state, kFp);
    state.fp = from == kSp ? at : kUnknown;
  } else {
    lose(state, to);
  }
  return true;
}

// Whether register 31 as a destination is sp: sums with an extended register, and, or and exclusive or of an immediate.
bool writes_sp(std::uint32_t code) {
  const bool logical = (code & 0x1f800000) == 0x12000000 && bits(code, 29, 2) != 3;
  const bool extended = (code & 0x1fe00000) == 0x0b200000 && bits(code, 29, 1) == 0;
  return (logical || extended) && bits(code, 0, 5) == kSp;
}

}  // namespace

Way way_of(std::uint32_t code) {
  if ((code & 0xfc000000) == 0x14000000) {
    return {Flow::kJump, signed_bits(code, 0, 26)};
  }
  if ((code & 0xfc000000) == 0x94000000) {
    return {Flow::kCall, signed_bits(code, 0, 26)};
  }
  if ((code & 0xff000010) == 0x54000000 || (code & 0x7e000000) == 0x34000000) {
    return {Flow::kBranch, signed_bits(code, 5, 19)};
  }
  if ((code & 0x7e000000) == 0x36000000) {
    return {Flow::kBranch, signed_bits(code, 5, 14)};
  }
  if ((code & 0xfe000000) == 0xd6000000) {
    const unsigned kind = bits(code, 21, 3);
    return {kind == 1 ? Flow::kCall : kind == 2 ? Flow::kReturn : kind == 0 ? Flow::kJump : Flow::kStop, 0};
  }
  const bool traps = (code & 0xffe0001f) == 0xd4200000 || code >> 16 == 0;
  return {traps ? Flow::kStop : Flow::kNext, 0};
}

FrameState behind(FrameState state, std::uint32_t code) {
  if (way_of(code).flow == Flow::kCall) {
    lose(state, kLr);
  } else if ((code & 0x3a000000) == 0x28000000) {
    load_or_store_pair(state, code);
  } else if ((code & 0x3a000000) == 0x38000000) {
    load_or_store(state, code);
  } else if (!add_immediate(state, code)) {
    const bool immediate = (code & 0x1c000000) == 0x10000000;
    const bool registers = (code & 0x0e000000) == 0x0a000000;
    const bool other_load = (code & 0x0a000000) == 0x08000000;  // exclusive, literal, atomic
    if (writes_sp(code)) {
      state.sp = kUnknown;
    } else if (immediate || registers || other_load) {
      lose(state, bits(code, 0, 5));
    }
  }
  return state;
}

unwind_row row_of(const FrameState& state) {
  const auto slot = [](std::int32_t below) {
    const bool fits = below >= 0 && below % 8 == 0 && below / 8 < UNWIND_LOST;
    return fits ? static_cast<u8>(below / 8) : u8{UNWIND_LOST};
  };
  const std::int32_t base = state.sp != kUnknown ? state.sp : state.fp;
  unwind_row row{};
  row.lr = slot(state.saved_lr);
  if (base == kUnknown || base % 8 != 0 || base / 8 >= 1 << 15 || row.lr == UNWIND_LOST) {
    return unwind_row{};
  }
  row.rule = state.sp != kUnknown ? UNWIND_RSP : UNWIND_RBP;
  row.offset = static_cast<s16>(base / 8);
  row.rbp = slot(state.saved_fp);
  return row;
}

}  // namespace stoker::unwind::aarch64
