// Bytes as a perf ring's contents: records are cut, parsed and applied to a process table.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "discovery/perf_ring.h"
#include "discovery/processes.h"
#include "discovery/sideband.h"

namespace {

using namespace stoker;
using namespace stoker::discovery;

constexpr std::size_t kRing = 4096;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The first byte is where the ring stands, so that records wrap.
  if (size < 1 || size > kRing) {
    return 0;
  }
  const std::uint64_t tail = std::uint64_t{data[0]} * 16;
  std::vector<std::byte> ring(kRing);
  for (std::size_t i = 1; i < size; ++i) {
    ring[(tail + i - 1) % kRing] = static_cast<std::byte>(data[i]);
  }
  BinaryTable binaries({.proc_root = "/nonexistent", .own_root = "/nonexistent"});
  ProcessTable table({.proc_root = "/nonexistent", .open_at_first_sight = false}, binaries);
  std::vector<std::byte> scratch;
  bool broken = false;
  MonotonicTime last;
  read_records(
      ring, tail, tail + size - 1, scratch,
      [&](ByteView record) {
        SidebandEvent event;
        if (!parse_record(record, event)) {
          return;
        }
        last = event.time;
        table.apply(event);
        if (const auto* map = std::get_if<MapEvent>(&event.what)) {
          table.resolve(table.at(map->pid), map->start);
        }
      },
      broken);
  table.trim(last);
  table.descendants_of(1);
  return 0;
}
