#include "symbolize/function_name.h"

#include <algorithm>
#include <array>

#include "symbolize/demangle.h"

namespace stoker::symbolize {
namespace {

bool is_mangled(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kStarts{"_Z", "__Z", "_R", "_D"};
  return std::ranges::any_of(kStarts, [&](std::string_view start) { return name.starts_with(start); });
}

// glibc's include/libc-symbols.h makes them, for calls that need no PLT.
bool is_hidden_alias(std::string_view name) {
  return name.starts_with("__GI_");
}

}  // namespace

std::string_view choose_name(const FunctionNames& names) {
  if (is_mangled(names.linkage)) {
    return names.linkage;
  }
  if (names.entry_exported) {
    return names.at_entry;
  }
  for (const std::string_view symbol : {names.at_entry, names.at_address}) {
    if (is_mangled(symbol) || (!symbol.empty() && without_suffix(symbol) == names.source)) {
      return symbol;
    }
  }
  if (!names.linkage.empty() && !is_hidden_alias(names.linkage)) {
    return names.linkage;
  }
  for (const std::string_view name : {names.source, names.at_entry, names.at_address}) {
    if (!name.empty()) {
      return name;
    }
  }
  return names.linkage;
}

}  // namespace stoker::symbolize
