// Which of a function's names is shown.
#pragma once

#include <string_view>

namespace stoker::symbolize {

// "" for what is not known.
struct FunctionNames {
  std::string_view linkage;     // DW_AT_linkage_name
  std::string_view source;      // DW_AT_name
  std::string_view at_entry;    // the best symbol (symbol_index.h) that starts where the function starts
  bool entry_exported = false;  // that one is in .dynsym
  std::string_view at_address;  // the best symbol that covers the address asked for: ".cold" in a cold part
};

// 1. A mangled linkage name: of the aliases of a constructor, and of functions that the linker folded, it is the one
//    that lines and inlined calls belong to.
// 2. The exported symbol at the entry. A C function has a linkage name where its author gave it another one for the
//    assembler: glibc calls itself by hidden aliases, so that its debug data says __GI_raise for what everybody calls
//    raise, and __libc_realloc for realloc. The index has found the alias that programs use.
// 3. A symbol that has more of the same name: the whole one of a C++ function with internal linkage, of which debug
//    data has a short one; what the compiler appended to the name of a copy.
// 4. What debug data has, an alias such as __GI_raise last: inlined calls have no symbol.
// 5. Any symbol.
std::string_view choose_name(const FunctionNames& names);

}  // namespace stoker::symbolize
