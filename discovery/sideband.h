// What the kernel tells about processes as it happens: perf's sideband records.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "discovery/file_key.h"
#include "elf/address.h"

namespace stoker::discovery {

// Process ids are those of the PID namespace the agent runs in; records of processes outside it are left out.

// Executable memory was mapped, or made executable (mprotect).
struct MapEvent {
  pid_t pid = 0;
  pid_t tid = 0;
  elf::RunAddress start;
  elf::RunAddress end;
  elf::FileOffset offset;
  FileKey file;
  std::string path;  // as the process's own root has it; "//anon", "[vdso]", "/memfd:x (deleted)"
};

struct CommEvent {
  pid_t pid = 0;
  pid_t tid = 0;  // != pid: a thread's name
  bool exec = false;
  std::string comm;  // at most 15 bytes, any bytes
};

// A new process, or (pid == parent) a new thread of one.
struct ForkEvent {
  pid_t pid = 0;
  pid_t tid = 0;
  pid_t parent = 0;
};

// A thread ended; the process with its last one.
struct ExitEvent {
  pid_t pid = 0;
  pid_t tid = 0;
};

// A CPU's ring was full: what it would have told is not known.
struct LostEvent {
  std::uint64_t count = 0;
};

// A BPF program was loaded: its code in the kernel, under the name that /proc/kallsyms has while it is there. Its end is
// not told: what is loaded to its place is.
struct KernelCodeEvent {
  std::uint64_t address = 0;  // run address
  std::uint32_t size = 0;
  std::string name;
};

struct SidebandEvent {
  MonotonicTime time;
  std::variant<MapEvent, CommEvent, ForkEvent, ExitEvent, LostEvent, KernelCodeEvent> what;
};

// One record, its perf_event_header included, in the layout that Sideband asks for: body as in
// linux/perf_event.h, then sample_id, which is the time alone. True with event filled in; false for a record
// of another kind, of a process outside our PID namespace, or malformed.
bool parse_record(ByteView record, SidebandEvent& event);

// Runs on the `ring` thread, which it never keeps long: no files are opened once a CPU is there.
class Sideband {
 public:
  struct Options {
    // Of each CPU, a power of two of pages. 128 KiB holds about 1,400 records: 200 processes' whole lives.
    std::size_t ring_bytes = 128 << 10;
    bool build_ids = true;  // false: device and inode even where the kernel has build ids
  };

  // One event for each online CPU. Needs CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8).
  static Result<Sideband> open(const Options& options);

  Sideband(Sideband&& other) noexcept;
  Sideband& operator=(Sideband&& other) noexcept;
  ~Sideband();

  // Appends what all CPUs have recorded, in order of time over all CPUs and all calls, and returns the time
  // up to which that is complete: later records are held back until the next call, and a sample taken before
  // the returned time may be resolved once the appended events are applied.
  MonotonicTime drain(std::vector<SidebandEvent>& out);

  // One per CPU, readable when a quarter of its ring is full. Changes with add_cpu and remove_cpu.
  const std::vector<int>& fds() const;

  // CPU hotplug. Adding one that is there already and removing one that is not do nothing. What a CPU
  // recorded before it is removed comes with the next drain.
  Result<> add_cpu(int cpu);
  void remove_cpu(int cpu);

  // False before Linux 5.12 (or when not asked for): mapped files are then known by device and inode.
  bool has_build_ids() const;

 private:
  class Impl;
  explicit Sideband(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stoker::discovery
