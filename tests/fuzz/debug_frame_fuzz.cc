// .debug_frame bytes beside a small .eh_frame: ranges of both are merged.
#include "tests/fuzz/table_of_section.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stoker;
  auto made = fuzz::file_around(".debug_frame", data, size, false);
  // Four functions of .eh_frame leave gaps to fill.
  std::vector<std::byte> eh_frame;
  unwind::test::put(eh_frame, 12, 4);
  unwind::test::put(eh_frame, 0, 4);
  unwind::test::put(eh_frame, 0x10'78'01'00'01, 8);
  for (const std::uint64_t start : {0x1100U, 0x1200U, 0x1210U, 0x1800U}) {
    unwind::test::put(eh_frame, 20, 4);
    unwind::test::put(eh_frame, eh_frame.size(), 4);
    unwind::test::put(eh_frame, start, 8);
    unwind::test::put(eh_frame, 0x10, 8);
  }
  made.sections.push_back({".eh_frame", 0x100000, 2, eh_frame});
  fuzz::build_and_look_up(made);
  return 0;
}
