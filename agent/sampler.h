// The BPF side as seen from user space: the loaded programs, their maps, and the events they run on.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/stats.h"
#include "base/error.h"
#include "bpf/shared/record.h"
#include "discovery/sideband.h"

namespace stoker::agent {

struct SamplerOptions {
  int frequency = 97;  // Hz on each CPU
  bool kernel_stacks = true;
  filter_mode filter = FILTER_NONE;
  bool follow_children = false;    // FILTER_PIDS only
  std::vector<pid_t> target_pids;  // FILTER_PIDS only: thread groups, in the agent's namespace
};

// The maps that the walk in the kernel reads and user space writes (bpf/unwind_maps.h).
enum class SamplerMap { kRowSlabs, kChunkSlabs, kMapBlocks };

// The load happens in load(), sampling from start() to stop(). Map updates and counters() may come from any thread;
// everything else from the thread that owns it.
class Sampler {
 public:
  // An error names what the kernel or the caller's rights lack, and what to do.
  static Result<std::unique_ptr<Sampler>> load(const SamplerOptions& options);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  Result<> start();
  void stop();
  // Opens events on CPUs that came online since and closes those of CPUs that went, here and in the sideband.
  // `ring` thread only.
  void follow_hotplug(discovery::Sideband& sideband);

  const std::string& event_name() const;
  int ring_fd() const;
  int map_fd(SamplerMap map) const;

  // The kernel's counters, summed over CPUs, added to totals.
  void add_stats(StatTotals& totals) const;

  // From now on every stack is sent whole once more.
  void start_epoch();

  void add_target(pid_t pid);
  void remove_target(pid_t pid);
  // All thread groups sampled now under FILTER_PIDS, children included.
  std::vector<pid_t> targets() const;
  void judge_comm(std::string_view comm, bool wanted);
  void judge_pid(pid_t pid, bool wanted);
  void forget_pid(pid_t pid);

 private:
  class Impl;
  explicit Sampler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stoker::agent
