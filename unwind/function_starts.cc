#include "unwind/function_starts.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/byte_reader.h"

namespace stoker::unwind {

FunctionStarts::FunctionStarts(const elf::ElfFile& file, std::uint64_t from, std::uint64_t to) : file_(file) {
  for (const elf::Section& section : file.sections()) {
    if (section.type != SHT_SYMTAB && section.type != SHT_DYNSYM) {
      continue;
    }
    const ByteView symbols = file.raw(section);
    for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= symbols.size(); at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, symbols.data() + at, sizeof(symbol));
      if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF &&
          symbol.st_value >= from && symbol.st_value < to) {
        starts_.push_back({symbol.st_value, symbol.st_name, section.link});
      }
    }
  }
  std::ranges::sort(starts_, {}, &Start::address);
}

bool FunctionStarts::is_split_part(const Start& start) const {
  if (start.names >= file_.sections().size()) {
    return false;
  }
  ByteReader reader(file_.raw(file_.sections()[start.names]));
  reader.seek(start.name);
  return reader.cstr().contains(".cold");
}

std::vector<std::uint64_t> FunctionStarts::in(std::uint64_t from, std::uint64_t to) const {
  std::vector<std::uint64_t> found;
  for (auto start = std::ranges::lower_bound(starts_, from, {}, &Start::address);
       start != starts_.end() && start->address < to; ++start) {
    if ((found.empty() || found.back() != start->address) && !is_split_part(*start)) {
      found.push_back(start->address);
    }
  }
  return found;
}

}  // namespace stoker::unwind
