// A perf map that a hostile process wrote.
#include <string_view>

#include "symbolize/perf_map.h"

using namespace stoker;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  symbolize::CodeNames names;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (symbolize::PerfMap::parse(text, names) > size) {
    __builtin_trap();
  }
  for (std::uint64_t address = 0; address < 4096; address += 61) {
    names.find(address);
  }
  names.find(UINT64_MAX);
  return 0;
}
