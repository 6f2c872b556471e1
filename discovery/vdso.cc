#include "discovery/vdso.h"

#include <sys/auxv.h>
#include <unistd.h>

#include "discovery/procfs.h"

namespace stoker::discovery {

ByteView own_vdso() {
  const std::uint64_t start = ::getauxval(AT_SYSINFO_EHDR);
  if (start == 0) {
    return {};
  }
  std::uint64_t size = 0;
  read_executable_maps("/proc", ::getpid(), [&](const MapsLine& line) {
    if (line.start.value == start) {
      size = line.end.value - line.start.value;
    }
  });
  return {reinterpret_cast<const std::byte*>(start), static_cast<std::size_t>(size)};
}

}  // namespace stoker::discovery
