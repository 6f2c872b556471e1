// A file without section headers whose PT_GNU_EH_FRAME is the input, entries behind it.
#include "tests/fuzz/table_of_section.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stoker;
  auto made = fuzz::file_around(".eh_frame_hdr", data, size, true);
  made.eh_frame_header = ".eh_frame_hdr";
  made.section_headers = false;
  fuzz::build_and_look_up(made);
  return 0;
}
