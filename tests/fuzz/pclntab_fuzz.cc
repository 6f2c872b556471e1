// A hostile Go program: the input is the pclntab of one.
#include <memory>
#include <string>

#include "symbolize/go_pclntab.h"
#include "tests/unit/symbolize/elf_builder.h"

using namespace stoker;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  symbolize::ElfBuilder builder(0x100);
  builder.section(".gopclntab", std::string(reinterpret_cast<const char*>(data), size), SHF_ALLOC, 0x10000);
  const auto table = symbolize::GoPclntab::open(builder.build());
  std::vector<symbolize::GoPclntab::Frame> frames;
  for (std::uint64_t pc = 0x1000; table && pc < 0x1100; pc += 7) {
    table->find({pc}, frames);
  }
  return 0;
}
