// How each sideband record changes the table.
#include <algorithm>
#include <ranges>

#include "discovery/processes.h"
#include "discovery/procfs.h"

namespace stoker::discovery {
namespace {

constexpr pid_t kKthreadd = 2;
// vm.max_map_count is 65,530 unless somebody raised it. Unmapping is not recorded, so a table can outgrow what is
// mapped; /proc then tells what is left.
constexpr std::size_t kMostMappings = 1 << 17;

}  // namespace

void ProcessTable::apply(const SidebandEvent& event) {
  std::visit([&](const auto& what) { on(event.time, what); }, event.what);
}

void ProcessTable::on(MonotonicTime time, const MapEvent& event) {
  const auto found = processes_.find(event.pid);
  Process* process = found == processes_.end() ? nullptr : found->second.get();
  if (process == nullptr) {
    // Its fork was lost, or was before our time.
    process = &create(event.pid);
    read_process(*process);
  }
  if (time < process->read_at) {
    return;
  }
  bool added = false;
  const FileIndex index = files_.intern(event.path, event.file, added);
  MappedFileName& name = files_.at(index);
  name.last_used = std::max(name.last_used, time);
  if (process->first_file == 0) {
    process->first_file = index;
  }
  const Mapping mapping(event.start, event.end, event.offset, index);
  if (process->mappings.size() >= kMostMappings && !read_mappings(*process)) {
    process->mappings.clear();
  }
  process->mappings.insert(mapping);
  if (options_.open_at_first_sight && name.binary == nullptr && name.key.is_file() && time >= name.next_try) {
    if (auto binary = open_file(*process, mapping, index)) {
      process->binaries.emplace_back(index, std::move(binary));
    }
  }
  notify_changed(*process);
}

void ProcessTable::on(MonotonicTime time, const CommEvent& event) {
  const auto found = processes_.find(event.pid);
  if (found == processes_.end()) {
    // Mappings follow an exec's comm: reading /proc can wait until somebody asks.
    if (event.exec) {
      Process& process = create(event.pid);
      process.comm = event.comm;
      process.stale = true;
    }
    return;
  }
  Process& process = *found->second;
  if (time < process.read_at) {
    return;
  }
  if (event.exec) {
    become(process, next_image_++);
    process.threads = 1;
    process.leader_exited = false;
    process.kernel_thread = false;
    process.exited.reset();
    process.known = true;
    process.stale = false;  // all that is mapped now comes by record
    process.comm = event.comm;
    notify_changed(process);
  } else if (event.tid == event.pid) {
    process.comm = event.comm;
  }
}

void ProcessTable::on(MonotonicTime time, const ForkEvent& event) {
  if (event.pid == event.parent) {
    const auto found = processes_.find(event.pid);
    if (found != processes_.end() && time >= found->second->read_at) {
      ++found->second->threads;
    }
    return;
  }
  if (const auto old = processes_.find(event.pid); old != processes_.end()) {
    if (time < old->second->read_at) {
      return;
    }
    remove(event.pid);
  }
  Process& child = create(event.pid);
  child.parent = event.parent;
  child.start = time;
  const Process* const parent = find(event.parent);
  if (parent == nullptr) {
    child.kernel_thread = event.parent == kKthreadd;
    child.stale = !child.kernel_thread;
    return;
  }
  child.comm = parent->comm;
  child.kernel_thread = parent->kernel_thread;
  child.stale = parent->stale;
  child.known = parent->known;
  child.mappings = parent->mappings;
  child.binaries = parent->binaries;
  child.first_file = parent->first_file;
  child.inherited_container = parent->container != nullptr ? parent->container : parent->inherited_container;
  notify_changed(child);
}

void ProcessTable::on(MonotonicTime time, const ExitEvent& event) {
  const auto found = processes_.find(event.pid);
  if (found == processes_.end() || time < found->second->read_at || found->second->exited) {
    return;
  }
  Process& process = *found->second;
  --process.threads;
  if (event.tid == event.pid) {
    process.leader_exited = true;
  }
  if (process.leader_exited && process.threads <= 0) {
    end_process(process, time);
  } else if (process.leader_exited && event.tid == event.pid) {
    leaderless_.push_back(process.pid);
  } else {
    // A count that lost records made too low: the main thread, at least, runs.
    process.threads = std::max(process.threads, 1);
  }
}

void ProcessTable::on(MonotonicTime, const LostEvent& event) {
  lost_events_ += event.count;
  check_all_ = true;
  for (const auto& process : processes_ | std::views::values) {
    process->stale = !process->kernel_thread && process->known;
  }
}

void ProcessTable::on(MonotonicTime, const KernelCodeEvent&) {}

void ProcessTable::end_process(Process& process, MonotonicTime time) {
  process.exited = time;
  exits_.emplace_back(time, process.pid);
}

void ProcessTable::trim(MonotonicTime now) {
  drop_exited(now);
  end_vanished(now);
  if (now >= next_file_collection_) {
    next_file_collection_ = {now.ns + static_cast<std::uint64_t>(options_.keep_unused_file.count()) / 4};
    collect_files(now);
  }
}

void ProcessTable::drop_exited(MonotonicTime now) {
  const auto keep = static_cast<std::uint64_t>(options_.keep_exited.count());
  std::erase_if(exits_, [&](const auto& exit) {
    const auto& [time, pid] = exit;
    if (now.ns < time.ns + keep) {
      return false;
    }
    // A new process may have the pid by now.
    const Process* const process = find(pid);
    if (process != nullptr && process->exited == time) {
      remove(pid);
    }
    return true;
  });
}

// Ends those whose last thread's record was lost, or whose count of threads was wrong.
void ProcessTable::end_vanished(MonotonicTime now) {
  const auto has_threads = [this](const Process& process) {
    const auto threads = list_numbers(directory_of(process) + "/task");
    // A main thread that has exited stays in the list until the process is reaped.
    return threads && threads->size() > (process.leader_exited ? 1 : 0);
  };
  const auto end_if_vanished = [&](Process& process) {
    if (!process.exited && process.read_at <= now && !has_threads(process)) {
      end_process(process, now);
    }
  };
  std::erase_if(leaderless_, [&](pid_t pid) {
    const auto found = processes_.find(pid);
    if (found == processes_.end() || found->second->exited || !found->second->leader_exited) {
      return true;
    }
    end_if_vanished(*found->second);
    return found->second->exited.has_value();
  });
  if (std::exchange(check_all_, false)) {
    for (const auto& process : processes_ | std::views::values) {
      end_if_vanished(*process);
    }
  }
}

}  // namespace stoker::discovery
