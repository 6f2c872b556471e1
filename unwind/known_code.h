// What linkers and C libraries put into a program without unwind information, or with wrong one.
#pragma once

#include <cstdint>
#include <string_view>

#include "bpf/shared/unwind_table.h"

namespace stoker::unwind {

// One rule holds in [start, end).
struct KnownCode {
  std::uint64_t start;
  std::uint64_t end;
  unwind_row row;
};

// How glibc's __start_context is recognised: its size and its first bytes, behind a landing pad of four bytes if it has
// one.
struct ContextStart {
  std::uint64_t size;
  std::string_view first_bytes;
};

}  // namespace stoker::unwind
