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

// What compilers append to the names of copies and parts of a function: ".cold", ".part.0", ".isra.0",
// ".constprop.0", ".lto_priv.0", gcc's ".123" on mangled names.
enum class Suffixes : bool {
  kNote,   // "foo() [clone .constprop.0]", as c++filt has it; names that are not mangled stay as they are
  kStrip,  // "foo()"
};

// The name as asked for; one that is not mangled comes back as it is but for its suffix. Rust's legacy hash
// "::h0123456789abcdef" and clang's ".llvm.1234567" and ".__uniq.123", which only tell local names apart, are dropped
// from names that are demangled. Names come from hostile files: one that is too long (16 KiB), nests too deeply or
// would grow past 64 KiB comes back mangled.
std::string demangle(std::string_view name, Demangle level, Suffixes suffixes = Suffixes::kNote);

// The name without any of these suffixes.
std::string_view without_suffix(std::string_view name);

}  // namespace stoker::symbolize
