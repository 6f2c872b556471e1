// Symbol tables, PLT stubs and frame ends of a hostile ELF file.
#include <memory>
#include <string>

#include "symbolize/plt.h"
#include "symbolize/symbol_index.h"

using namespace stoker;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  auto parsed = elf::ElfFile::parse(as_bytes(bytes), "fuzz");
  if (!parsed) {
    return 0;
  }
  const auto file = std::make_shared<const elf::ElfFile>(*std::move(parsed));
  const symbolize::SymbolIndex index(file,
                                     {symbolize::SymbolTable::read(file, symbolize::TableKind::kDynsym),
                                      symbolize::SymbolTable::read(file, symbolize::TableKind::kSymtab)});
  const symbolize::PltNames plt(file);
  for (const elf::Section& section : file->sections()) {
    for (const std::uint64_t offset : {std::uint64_t{0}, section.size / 2, section.size - 1, section.size}) {
      index.find({section.address.value + offset});
      plt.find({section.address.value + offset}, index);
    }
  }
  return 0;
}
