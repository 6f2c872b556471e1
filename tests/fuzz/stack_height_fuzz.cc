// Any bytes as code: instructions are no longer than what is left, and rows rise within the code.
#include "unwind/x86_64/stack_height.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stoker::unwind::x86_64;
  constexpr std::uint64_t kAddress = 0x401000;
  const stoker::ByteView code = std::as_bytes(std::span(data, size));
  for (std::size_t at = 0; at < size; ++at) {
    const auto instruction = decode(code.subspan(at));
    if (instruction &&
        (instruction->length == 0 || instruction->length > 15 || instruction->length > size - at)) {
      __builtin_trap();
    }
  }
  const std::uint64_t starts[] = {kAddress, kAddress + size / 2};
  std::uint64_t last = kAddress - 1;
  for (const HeightRow& row : follow_stack(code, kAddress, starts)) {
    const auto packed = row_of(row.state);
    if (row.address <= last || row.address >= kAddress + size ||
        (packed.rule == UNWIND_RSP && packed.offset < 1)) {
      __builtin_trap();
    }
    last = row.address;
  }
  return 0;
}
