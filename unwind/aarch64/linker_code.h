// aarch64 code that linkers write: the sections .plt, .init and .fini.
#pragma once

#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "unwind/known_code.h"

namespace stoker::unwind::aarch64 {

// As x86_64::append_linker_code.
void append_linker_code(std::string_view section, std::uint64_t start, ByteView code,
                        std::vector<KnownCode>& out);

// mov x0, x19; cbnz x0, setcontext; b exit.
inline constexpr ContextStart kContextStart{12, std::string_view("\xe0\x03\x13\xaa", 4)};

}  // namespace stoker::unwind::aarch64
