// The perf events that sample each CPU.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

struct bpf_link;
struct bpf_program;

namespace stoker::agent {

// The highest rate perf allows: kernel.perf_event_max_sample_rate.
int max_sample_rate();

// One sampling event per online CPU with the program on it. Hardware cycles by frequency where the PMU opens, else the
// kernel's CPU clock (virtual machines); the first CPU decides for all. Not thread-safe.
class SamplingEvents {
 public:
  SamplingEvents(bpf_program* program, int frequency) : program_(program), frequency_(frequency) {}
  ~SamplingEvents();
  SamplingEvents(const SamplingEvents&) = delete;
  SamplingEvents& operator=(const SamplingEvents&) = delete;

  // Opens what is missing and closes what went offline. Called at start and again to follow CPU hotplug.
  // An error only when no CPU at all could be opened, or for lack of permission.
  Result<> follow(const std::vector<int>& cpus);
  // After it returns no program is running any more: perf disables an event on its CPU and waits.
  void stop();

  // "cycles" or "cpu-clock"; "" before follow().
  const std::string& event_name() const { return event_name_; }

 private:
  Result<UniqueFd> open(int cpu);

  bpf_program* program_;
  int frequency_;
  std::string event_name_;
  std::map<int, bpf_link*> links_;  // by CPU; a link owns its event
};

}  // namespace stoker::agent
