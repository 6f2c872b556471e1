#include "discovery/processes.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/mapped_file.h"
#include "discovery/procfs.h"

namespace stoker::discovery {
namespace {

// Start times from /proc are in ticks of 10 ms, those from records exact: further apart is another process.
constexpr std::uint64_t kStartTolerance = 100'000'000;

std::uint64_t distance(MonotonicTime a, MonotonicTime b) {
  return a > b ? a.ns - b.ns : b.ns - a.ns;
}

std::optional<ProcStat> read_stat(const std::string& directory) {
  const auto text = read_file(directory + "/stat", 64 << 10);
  return text ? parse_stat(*text) : std::nullopt;
}

void take(const ProcStat& stat, Process& process) {
  process.parent = stat.parent;
  process.comm = stat.comm;
  process.kernel_thread = stat.kernel_thread;
  process.threads = std::max(stat.threads, 1);
  process.leader_exited = stat.state == 'Z';
  process.start = start_time(stat);
}

}  // namespace

ProcessTable::ProcessTable(Options options, BinaryTable& binaries)
    : options_(std::move(options)), binaries_(binaries) {}
ProcessTable::~ProcessTable() = default;

Result<std::size_t> ProcessTable::scan() {
  const auto pids = list_numbers(options_.proc_root);
  if (!pids) {
    return std::unexpected(pids.error());
  }
  for (const pid_t pid : *pids) {
    if (processes_.contains(pid)) {
      continue;
    }
    Process& process = create(pid);
    if (!read_process(process)) {
      processes_.erase(pid);
      continue;
    }
    notify_changed(process);
  }
  return processes_.size();
}

Process& ProcessTable::at(pid_t pid, std::string_view comm) {
  if (const auto found = processes_.find(pid); found != processes_.end()) {
    Process& process = *found->second;
    if (process.stale) {
      refresh(process);
    }
    if (!process.known && process.comm.empty()) {
      process.comm = comm;
    }
    return process;
  }
  Process& process = create(pid);
  if (!read_process(process)) {
    process.known = false;
    process.comm = comm;
    end_process(process, options_.now());
  }
  notify_changed(process);
  return process;
}

const Process* ProcessTable::find(pid_t pid) const {
  const auto found = processes_.find(pid);
  return found == processes_.end() ? nullptr : found->second.get();
}

std::string ProcessTable::directory_of(const Process& process) const {
  return options_.proc_root + '/' + std::to_string(process.pid);
}

Process& ProcessTable::create(pid_t pid) {
  auto& slot = processes_[pid];
  slot = std::make_unique<Process>();
  slot->pid = pid;
  slot->image = next_image_++;
  return *slot;
}

void ProcessTable::remove(pid_t pid) {
  if (processes_.erase(pid) != 0) {
    notify_gone(pid);
  }
}

bool ProcessTable::read_process(Process& process) {
  // Before reading: what is recorded later may or may not be in it, and applying it once more does no harm.
  process.read_at = options_.now();
  const auto stat = read_stat(directory_of(process));
  if (!stat || (stat->state == 'Z' && stat->threads <= 1)) {
    // Gone, or a zombie without mappings: records that were made before this moment are all there is to know.
    process.read_at = {};
    return false;
  }
  take(*stat, process);
  if (process.leader_exited) {
    leaderless_.push_back(process.pid);
  }
  if (!process.kernel_thread) {
    read_mappings(process);
  }
  return true;
}

bool ProcessTable::read_mappings(Process& process) {
  const MonotonicTime now = options_.now();
  MappingTable mappings;
  const bool read = read_executable_maps(options_.proc_root, process.pid, [&](const MapsLine& line) {
    bool added = false;
    const FileIndex index = files_.intern(line.path, line.file, added);
    files_.at(index).last_used = now;
    mappings.insert({line.start, line.end, line.offset, index});
  });
  if (read) {
    process.mappings = std::move(mappings);
    process.read_at = now;
  }
  return read;
}

void ProcessTable::refresh(Process& process) {
  process.stale = false;
  const MonotonicTime now = options_.now();
  const auto stat = read_stat(directory_of(process));
  if (!stat) {
    return;  // its end is in a record that is still to come, or was lost: end_vanished()
  }
  const bool reused = process.start.ns != 0 && distance(start_time(*stat), process.start) > kStartTolerance;
  if (process.exited && !reused) {
    return;
  }
  if (reused) {
    notify_gone(process.pid);
    const pid_t pid = process.pid;
    process = Process{};
    process.pid = pid;
    process.image = next_image_++;
  } else if (stat->comm != process.comm) {
    become(process, next_image_++);
  }
  process.read_at = now;
  take(*stat, process);
  if (!process.kernel_thread) {
    read_mappings(process);
  }
  notify_changed(process);
}

void ProcessTable::become(Process& process, std::uint64_t image) {
  process.image = image;
  process.mappings.clear();
  process.binaries.clear();
  process.first_file = 0;
  // Runtimes put a process into its cgroup between fork and exec.
  if (process.container != nullptr) {
    process.inherited_container = std::move(process.container);
  }
  process.container = nullptr;
}

void ProcessTable::add_observer(MappingObserver* observer) {
  observers_.push_back(observer);
}
void ProcessTable::remove_observer(MappingObserver* observer) {
  std::erase(observers_, observer);
}
void ProcessTable::notify_changed(const Process& process) {
  for (MappingObserver* const observer : observers_) {
    observer->mappings_changed(process);
  }
}
void ProcessTable::notify_gone(pid_t pid) {
  for (MappingObserver* const observer : observers_) {
    observer->process_gone(pid);
  }
}

std::size_t ProcessTable::memory() const {
  constexpr std::size_t kNode = 4 * sizeof(void*);
  std::size_t bytes = files_.memory() + processes_.bucket_count() * sizeof(void*);
  for (const auto& process : processes_ | std::views::values) {
    const auto sharers = static_cast<std::size_t>(std::max(process->mappings.sharers(), 1L));
    bytes += sizeof(Process) + kNode + process->mappings.memory() / sharers +
             process->binaries.capacity() * sizeof(process->binaries.front());
  }
  return bytes;
}

}  // namespace stoker::discovery
