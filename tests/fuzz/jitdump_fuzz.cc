// A jitdump that a hostile process wrote.
#include "symbolize/jitdump.h"

using namespace stoker;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  symbolize::JitDump::parse_header(bytes);
  symbolize::CodeNames names;
  bool bad = false;
  if (symbolize::JitDump::parse_records(bytes, names, bad) > size) {
    __builtin_trap();
  }
  names.find(0x1000);
  return 0;
}
