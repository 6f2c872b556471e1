// All processes of the host: who they are and what code they have mapped, at any sample's time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "discovery/binaries.h"
#include "discovery/containers.h"
#include "discovery/file_table.h"
#include "discovery/mapping_table.h"
#include "discovery/sideband.h"
#include "elf/address.h"
#include "elf/binary.h"

namespace stoker::discovery {

// One program in one process. Written by ProcessTable only; valid until the next call that takes events or
// trims.
struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  std::uint64_t image =
      0;  // unique while the agent runs: an exec, and a new process under an old pid, get a new one
  std::string comm;
  MonotonicTime start;  // of the process, not of the image; on another boot's clock never
  std::optional<MonotonicTime> exited;
  bool kernel_thread = false;
  bool known = true;  // false: it was gone before anything but its pid and perhaps comm was learnt
  MappingTable mappings;

  // What follows is ProcessTable's own bookkeeping.
  std::int32_t threads = 1;
  bool leader_exited = false;
  bool stale = false;         // records were lost: read again when next asked for
  FileIndex first_file = 0;   // mapped first after exec: the program
  MonotonicTime read_at;      // when /proc was read; records before are in it already
  MonotonicTime next_reread;  // earliest time for an address in no mapping to read /proc again
  int futile_rereads = 0;
  std::vector<std::pair<FileIndex, elf::BinaryPtr>> binaries;  // of the files sampled so far
  std::shared_ptr<const ContainerId> container;                // null: not asked for yet
  std::shared_ptr<const ContainerId> inherited_container;      // the parent's
};

// An address of a process, found in a file.
struct Resolved {
  // Null: no mapping holds the address. Without elf: "[anon]", "[vdso]" of another kind, "[vsyscall]",
  // "[heap]",
  // "[stack]", or a file that is gone or no ELF file.
  elf::BinaryPtr binary;
  // With elf, as the linker assigned it. Without: the offset in a file that could not be read, or the run
  // address for memory that has no file (what JIT maps are keyed by).
  elf::ElfAddress address;
  // The mapping; for memory without file, offset is that of no file.
  elf::MappedRange range;
  explicit operator bool() const { return binary != nullptr; }
};

// Learns of changes as they are applied, on the pipeline thread. Must not call back into the table.
class MappingObserver {
 public:
  virtual ~MappingObserver() = default;
  // Something was mapped; or the process is new, forked or has a new image (process.image tells).
  virtual void mappings_changed(const Process& process) = 0;
  // No samples of it are expected any more: it ended keep_exited ago, or its pid has a new process.
  virtual void process_gone(pid_t pid) = 0;
};

// Pipeline thread only. The caller applies sideband events in order of time up to each sample's time, then
// asks for the sample's process.
class ProcessTable {
 public:
  struct Options {
    std::string proc_root = "/proc";
    Nanoseconds keep_exited = std::chrono::seconds(2);        // for samples that come late
    Nanoseconds keep_unused_file = std::chrono::seconds(60);  // since a living process last had it mapped
    // Open a file when a record names it for the first time, so that it is at hand when process and path are
    // gone by the first sample. One open per file, not per process.
    bool open_at_first_sight = true;
    MonotonicTime (*now)() = monotonic_now;
  };

  ProcessTable(Options options, BinaryTable& binaries);
  ~ProcessTable();
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;

  // Reads all of proc_root once. Open the Sideband before, so that nothing falls between. Returns how many
  // processes there are; an error when proc_root is not to be read at all.
  Result<std::size_t> scan();
  void apply(const SidebandEvent& event);

  // The process of a sample. Unknown ones are read from /proc now; if it is gone, an entry that knows only
  // comm.
  Process& at(pid_t pid, std::string_view comm = {});
  // Null when unknown; never reads /proc.
  const Process* find(pid_t pid) const;

  // An address in no mapping makes the maps be read again (mremap is not reported): at most once a second, and
  // more and more rarely when that does not help.
  Resolved resolve(Process& process, elf::RunAddress address);

  // Read when first asked for and, except the container, from /proc each time; "" or nullopt once it is gone.
  const ContainerId& container(Process& process);
  std::string exe(const Process& process);      // path; of a process gone, the file it mapped first
  std::string cmdline(const Process& process);  // arguments joined by spaces
  std::optional<uid_t> uid(const Process& process);

  std::vector<pid_t> children_of(pid_t pid) const;
  // pid itself, if known, and all that descend from it through living parents; sorted.
  std::vector<pid_t> descendants_of(pid_t pid) const;
  // Processes (not kernel threads, not exited) for which matches(comm) holds; sorted.
  std::vector<pid_t> find_by_comm(const std::function<bool(std::string_view)>& matches) const;

  // The observers must outlive the table or be removed.
  void add_observer(MappingObserver* observer);
  void remove_observer(MappingObserver* observer);

  // Drops processes that ended long ago and files that nobody uses. Cheap unless there is something to do;
  // call it about once a second with the time up to which events are applied.
  void trim(MonotonicTime now);

  // Path and key of a mapping's file.
  const MappedFileName& file(FileIndex index) const { return files_.at(index); }
  // The Binary of one mapping, opened as resolve() would.
  elf::BinaryPtr binary(Process& process, const Mapping& mapping);

  std::size_t size() const { return processes_.size(); }
  // Bytes held by processes, mappings and file names, as far as they can be counted.
  std::size_t memory() const;
  std::uint64_t lost_events() const { return lost_events_; }

 private:
  void on(MonotonicTime time, const MapEvent& event);
  void on(MonotonicTime time, const CommEvent& event);
  void on(MonotonicTime time, const ForkEvent& event);
  void on(MonotonicTime time, const ExitEvent& event);
  void on(MonotonicTime time, const LostEvent& event);
  void on(MonotonicTime time, const KernelCodeEvent& event);

  Process& create(pid_t pid);
  void remove(pid_t pid);
  // From /proc, into a process of which nothing is known yet. False when it is gone.
  bool read_process(Process& process);
  bool read_mappings(Process& process);
  // From /proc, because records were lost or something is not explained by them.
  void refresh(Process& process);
  void become(Process& process, std::uint64_t image);
  void map(Process& process, const Mapping& mapping);
  void end_process(Process& process, MonotonicTime time);
  void drop_exited(MonotonicTime now);
  void end_vanished(MonotonicTime now);
  void collect_files(MonotonicTime now);
  void notify_changed(const Process& process);
  void notify_gone(pid_t pid);
  elf::BinaryPtr open_file(const Process& process, const Mapping& mapping, FileIndex index);
  elf::BinaryPtr binary_without_file(const Mapping& mapping, const MappedFileName& name);
  std::vector<pid_t> neighbours_of(const Process& process) const;
  std::shared_ptr<const ContainerId> read_container(const Process& process);
  std::string directory_of(const Process& process) const;

  Options options_;
  BinaryTable& binaries_;
  FileTable files_;
  std::unordered_map<pid_t, std::unique_ptr<Process>> processes_;
  std::vector<std::pair<MonotonicTime, pid_t>> exits_;  // in order of time, not yet dropped
  std::vector<MappingObserver*> observers_;
  std::uint64_t next_image_ = 1;
  std::uint64_t lost_events_ = 0;
  MonotonicTime next_file_collection_;
  std::vector<pid_t> leaderless_;  // main thread exited, others should run on
  bool check_all_ = false;         // ends may have been lost
  std::unordered_map<std::string, std::weak_ptr<const ContainerId>> containers_;  // by cgroup text
};

}  // namespace stoker::discovery
