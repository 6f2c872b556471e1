// .eh_frame bytes in a file around them.
#include "tests/fuzz/table_of_section.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stoker;
  fuzz::build_and_look_up(fuzz::file_around(".eh_frame", data, size, true));
  return 0;
}
