// A hostile .gnu_debugdata: the input is the section.
#include <string>

#include "symbolize/debug_files.h"
#include "symbolize/symbol_index.h"
#include "tests/unit/symbolize/elf_builder.h"

using namespace stoker;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  symbolize::ElfBuilder builder(0x100);
  builder.section(".gnu_debugdata", std::string(reinterpret_cast<const char*>(data), size));
  const auto main = builder.build();
  const auto mini = symbolize::read_minidebuginfo(*main, 1 << 20);
  if (mini && *mini != nullptr) {
    const symbolize::SymbolIndex index(main,
                                       {symbolize::SymbolTable::read(*mini, symbolize::TableKind::kSymtab)});
    index.find({0x1000});
  }
  return 0;
}
