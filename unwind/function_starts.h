// Where a file's symbol tables say that functions begin.
#pragma once

#include <vector>

#include "elf/elf_file.h"

namespace stoker::unwind {

// Addresses of functions in [from, to), sorted, each once, from .symtab and .dynsym (ELF gABI, "Symbol Table"). Parts that
// compilers split off functions, which are jumped to with a frame already made, are left out.
std::vector<std::uint64_t> function_starts(const elf::ElfFile& file, std::uint64_t from, std::uint64_t to);

}  // namespace stoker::unwind
