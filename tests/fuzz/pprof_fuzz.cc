// pprof files, gzipped or not: whatever is read must be writable, and come back as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "profile/flame_tree.h"
#include "profile/pprof_reader.h"
#include "profile/pprof_writer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stoker;
  const ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  const profile::PprofLimits limits{.unpacked = 1 << 20, .record = 64 << 10, .text = 4 << 20};
  const auto read = profile::read_pprof(bytes, "input", limits);
  if (!read) {
    return 0;
  }
  profile::build_flame_tree(*read, {.by_process = true});
  const auto written = profile::write_pprof(*read, {.gzip = false});
  if (!written || written->size() > profile::pprof_size_bound(*read)) {
    std::abort();
  }
  const auto again = profile::read_pprof(as_bytes(*written), "written");
  if (!again || again->samples().size() > read->samples().size()) {
    std::abort();
  }
  return 0;
}
