#include "unwind/function_starts.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/byte_reader.h"

namespace stoker::unwind {
namespace {

bool is_split_part(ByteView names, std::uint32_t name) {
  ByteReader reader(names);
  reader.seek(name);
  return reader.cstr().contains(".cold");
}

}  // namespace

std::vector<std::uint64_t> function_starts(const elf::ElfFile& file, std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> starts;
  for (const elf::Section& section : file.sections()) {
    if (section.type != SHT_SYMTAB && section.type != SHT_DYNSYM) {
      continue;
    }
    const ByteView symbols = file.raw(section);
    const ByteView names =
        section.link < file.sections().size() ? file.raw(file.sections()[section.link]) : ByteView{};
    for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= symbols.size(); at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, symbols.data() + at, sizeof(symbol));
      if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF &&
          symbol.st_value >= from && symbol.st_value < to && !is_split_part(names, symbol.st_name)) {
        starts.push_back(symbol.st_value);
      }
    }
  }
  std::ranges::sort(starts);
  starts.erase(std::ranges::unique(starts).begin(), starts.end());
  return starts;
}

}  // namespace stoker::unwind
