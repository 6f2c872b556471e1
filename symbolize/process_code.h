// Names of code that a process made while it runs: its jitdump, its perf map, or that it is anonymous.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "elf/address.h"
#include "symbolize/code_owner.h"
#include "symbolize/complaints.h"
#include "symbolize/jitdump.h"
#include "symbolize/perf_map.h"

namespace stoker::symbolize {

// One process's. The files are looked for where the process sees them: /tmp/perf-N.map with N the process's
// number in its own namespace, and the jit-N.dump that it has mapped. One thread's.
class ProcessCode {
 public:
  // most_bytes: of names from each of the two files.
  explicit ProcessCode(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  // The name of the code at address; "[jit]" in a process that writes a map but has not named this code,
  // "[anon]" else. owner: always the same process, as it is now. Its files are looked at again at most once a second.
  std::string_view find(const CodeOwner& owner, elf::RunAddress address, Complaints& complaints);

  std::uint64_t memory_bytes() const;

 private:
  void refresh(const CodeOwner& owner, Complaints& complaints);

  std::size_t most_bytes_;
  std::optional<MonotonicTime> refreshed_;
  std::optional<PerfMap> map_;
  std::optional<JitDump> dump_;
};

}  // namespace stoker::symbolize
