// Symbols that name nothing, but mark where in a section code and data begin (AAELF64 §5.5.5; ARM's "$t" and "$a" too).
#pragma once

#include <string_view>

namespace stoker::symbolize {

// "$x", "$d" and their kind, with anything behind a dot.
inline bool is_mapping_symbol(std::string_view name) {
  return name.size() >= 2 && name[0] == '$' && std::string_view("xdta").contains(name[1]) &&
         (name.size() == 2 || name[2] == '.');
}

}  // namespace stoker::symbolize
