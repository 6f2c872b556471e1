#include "agent/process_timeline.h"

#include <algorithm>
#include <cstring>
#include <variant>

namespace stoker::agent {
namespace {

// From a task's new name to the time stamp of the record that tells of it: microseconds, unless the task is not let run
// in between.
constexpr std::uint64_t kLongestRenameNs = 500'000'000;

pid_t pid_of(const discovery::SidebandEvent& event) {
  return std::visit(
      [](const auto& what) -> pid_t {
        if constexpr (requires { what.pid; }) {
          return what.pid;
        } else {
          return -1;
        }
      },
      event.what);
}

}  // namespace

std::string_view comm_of(const sample_record& sample) {
  return {sample.comm, ::strnlen(sample.comm, sizeof(sample.comm))};
}

void ProcessTimeline::add(std::span<const discovery::SidebandEvent> events) {
  events_.insert(events_.end(), events.begin(), events.end());
}

void ProcessTimeline::apply(const discovery::SidebandEvent& event) {
  observe_(event);
  processes_.apply(event);
}

void ProcessTimeline::advance(MonotonicTime time) {
  while (next_ < events_.size() && events_[next_].time <= time) {
    apply(events_[next_++]);
  }
  if (next_ == events_.size()) {
    events_.clear();
    next_ = 0;
  }
}

bool ProcessTimeline::reach(const sample_record& sample, MonotonicTime complete) {
  if (sample.time_ns >= complete.ns) {
    return false;
  }
  advance({sample.time_ns});
  return !renamed(sample) || apply_rename(sample) || complete.ns > sample.time_ns + kLongestRenameNs;
}

// The kernel gives a task its new name, at exec or when it asks for one, before it stamps the record of that: a sample
// taken in between has the new name while the table has the old program. Only a process's first thread has the
// process's name. A name read from /proc may be newer than the sample; that of kernel threads is longer there.
bool ProcessTimeline::renamed(const sample_record& sample) const {
  if (sample.tid != sample.pid || sample.pid == 0 || (sample.flags & SAMPLE_KERNEL_TASK) != 0) {
    return false;
  }
  const discovery::Process* const process = processes_.find(static_cast<pid_t>(sample.pid));
  return process != nullptr && process->comm != comm_of(sample) && process->known && !process->stale &&
         process->read_at.ns <= sample.time_ns;
}

// Applies the sample's process's events up to the one that gives it the sample's name, ahead of other processes'. False
// when that has not been read.
bool ProcessTimeline::apply_rename(const sample_record& sample) {
  const auto pid = static_cast<pid_t>(sample.pid);
  const auto pending = events_.begin() + static_cast<std::ptrdiff_t>(next_);
  const auto end =
      std::ranges::upper_bound(pending, events_.end(), MonotonicTime{sample.time_ns + kLongestRenameNs}, {},
                               &discovery::SidebandEvent::time);
  const auto rename = std::ranges::find_if(pending, end, [&](const discovery::SidebandEvent& event) {
    const auto* const comm = std::get_if<discovery::CommEvent>(&event.what);
    return comm != nullptr && comm->pid == pid && comm->tid == pid && comm->comm == comm_of(sample);
  });
  if (rename == end) {
    return false;
  }
  const auto others = std::stable_partition(
      pending, rename + 1, [pid](const discovery::SidebandEvent& event) { return pid_of(event) == pid; });
  for (auto event = pending; event != others; ++event) {
    apply(*event);
  }
  next_ += static_cast<std::size_t>(others - pending);
  return true;
}

}  // namespace stoker::agent
