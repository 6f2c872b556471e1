// Turns batches into windows: process events and samples in one order of time, each sample's addresses found in files.
// Runs on the `pipeline` thread. Nothing here waits for disks' debug data or networks; a mapped file's headers are read
// the first time it is sampled.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/batch.h"
#include "agent/copy_walker.h"
#include "agent/process_filter.h"
#include "agent/process_maps.h"
#include "agent/process_timeline.h"
#include "agent/sampler.h"
#include "agent/stack_cache.h"
#include "agent/stats.h"
#include "agent/table_store.h"
#include "agent/window.h"
#include "discovery/processes.h"

namespace stoker::agent {

class Pipeline {
 public:
  // All references must outlive the pipeline.
  // table_budget: bytes of unwind tables in the kernel.
  Pipeline(Sampler& sampler, BatchQueue& queue, StatCounters& stats, ProcessFilter filter,
           std::uint64_t table_budget);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  void start();
  // Any thread. Waits until what runs at the start has been read from /proc: a process that begins later is known from
  // its records alone, and from its first moment.
  void wait_scanned() { scanned_.wait(); }
  // Any thread. Asks for all samples since the last cut; the answer comes within a batch or two.
  std::future<Window> cut();
  // Ends the thread once the queue is closed and empty; gives the last window.
  Window finish();

  struct Progress {
    std::uint64_t samples = 0;
    std::uint64_t processes = 0;
  };
  Progress progress() const { return {samples_.load(), processes_.load()}; }

 private:
  struct PendingSample {
    sample_record record;
    std::vector<std::byte> frames;
  };

  void run();
  void take_in(const Batch& batch);
  void observe(const discovery::SidebandEvent& event);
  void process(const sample_record& record, ByteView frames);
  bool wanted(discovery::Process& process, const sample_record& record);
  void take_copy(const sample_record& record, ByteView bytes, discovery::Process& process);
  void deliver(const sample_record& record, discovery::Process& process, std::uint64_t stack_hash,
               const StackCache::RawStack& stack);
  void meet_code_owner(const discovery::Process& process);
  void map_frames(discovery::Process& process, const StackCache::RawStack& stack);
  void use_finished_tables();
  void answer_cut();

  std::latch scanned_{1};
  Sampler& sampler_;
  BatchQueue& queue_;
  StatCounters& stats_;
  ProcessFilter filter_;
  discovery::BinaryTable binaries_;
  discovery::ProcessTable processes_table_;
  TableStore tables_;
  ProcessMaps process_maps_;
  CopyWalker copies_;
  StackCache stacks_;
  WindowBuilder window_;
  ProcessTimeline timeline_;
  std::vector<PendingSample> early_;  // samples whose events are not all read yet
  std::vector<MappedFrame> mapped_;   // of the stack at hand

  std::mutex cut_mutex_;
  std::optional<std::promise<Window>> cut_request_;
  std::atomic<std::uint64_t> samples_ = 0;
  std::atomic<std::uint64_t> processes_ = 0;
  std::jthread thread_;
};

}  // namespace stoker::agent
