// Where a file's symbol tables say that functions begin.
#pragma once

#include <vector>

#include "elf/elf_file.h"

namespace stoker::unwind {

// Of the functions in [from, to), from .symtab and .dynsym (ELF gABI, "Symbol Table"). The file must outlive it.
class FunctionStarts {
 public:
  FunctionStarts(const elf::ElfFile& file, std::uint64_t from, std::uint64_t to);

  // Addresses in [from, to), rising, each once. Parts that compilers split off functions, which are jumped to with a frame
  // already made, are left out: their names tell, and are read only here, since few of them are ever asked for.
  std::vector<std::uint64_t> in(std::uint64_t from, std::uint64_t to) const;

 private:
  struct Start {
    std::uint64_t address;
    std::uint32_t name;   // in its string table
    std::uint32_t names;  // number of the string table's section
  };
  bool is_split_part(const Start& start) const;

  const elf::ElfFile& file_;
  std::vector<Start> starts_;  // by address
};

}  // namespace stoker::unwind
