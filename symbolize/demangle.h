// Linkage names as their authors wrote them: C++ (Itanium), Rust (legacy and v0), D.
#pragma once

#include <string>
#include <string_view>

namespace stoker::symbolize {

// For std::vector<int>::push_back(int const&):
enum class Demangle {
  kNone,        // _ZNSt6vectorIiSaIiEE9push_backERKi
  kSimplified,  // std::vector::push_back
  kTemplates,   // std::vector<int, std::allocator<int> >::push_back
  kFull,        // std::vector<int, std::allocator<int> >::push_back(int const&)
};

// The name as asked for; names that are not mangled come back as they are, but without a compiler's suffix
// (kNone keeps it). Rust's legacy hash "::h0123456789abcdef" is dropped. Names come from hostile files: one
// that is too long (16 KiB), nests too deeply or would grow past 64 KiB comes back mangled.
std::string demangle(std::string_view name, Demangle level);

// The name without what compilers append to copies and parts of a function: ".cold", ".part.0", ".isra.0",
// ".constprop.0", ".lto_priv.0", ".llvm.1234567", ".__uniq.123", gcc's ".123" on mangled names. What was cut
// off is the note about the copy: the rest of name.
std::string_view without_suffix(std::string_view name);

}  // namespace stoker::symbolize
