// x86-64 code that linkers write: the sections .plt and its kind, .init and .fini.
#pragma once

#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "unwind/known_code.h"

namespace stoker::unwind::x86_64 {

// Appends what is known of a section by its name, its address and its bytes; nothing for any other section, nor where the
// bytes are not in a known form.
void append_linker_code(std::string_view section, std::uint64_t start, ByteView code,
                        std::vector<KnownCode>& out);

// mov %rbx,%rsp; mov (%rsp),%rdi; test; je; …; hlt.
inline constexpr ContextStart kContextStart{0x1a, std::string_view("\x48\x89\xdc\x48\x8b\x3c\x24", 7)};

}  // namespace stoker::unwind::x86_64
