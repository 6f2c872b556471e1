// Names of code that a process made while it runs: its jitdump, its perf map, or that it is anonymous.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "elf/address.h"
#include "symbolize/complaints.h"
#include "symbolize/jitdump.h"
#include "symbolize/perf_map.h"

namespace stoker::symbolize {

// One process's. The files are looked for where the process sees them: /tmp/perf-N.map with N the process's
// number in its own namespace, and the jit-N.dump that it has mapped. One thread's.
class ProcessCode {
 public:
  // root: "/proc/PID/root"; "" for tests. most_bytes: of names from each of the two files.
  ProcessCode(pid_t pid, uid_t uid, std::string root, std::size_t most_bytes);

  // The name of the code at address; "[jit]" in a process that writes a map but has not named this code,
  // "[anon]" else. Files are looked at again at most once a second. A process that is gone keeps the names it
  // had.
  std::string_view find(elf::RunAddress address, Complaints& complaints);

  std::uint64_t memory_bytes() const;

 private:
  void refresh(Complaints& complaints);
  void look_for_files();

  pid_t pid_;
  uid_t uid_;
  std::string root_;
  std::size_t most_bytes_;
  std::optional<MonotonicTime> refreshed_;
  std::optional<PerfMap> map_;
  std::optional<JitDump> dump_;
};

}  // namespace stoker::symbolize
