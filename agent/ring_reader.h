// Drains the BPF ring buffer and the sideband into Batches. Runs on the `ring` thread, which does nothing else: it must
// keep up with the kernel, so it copies bytes and never opens files. When the pipeline's queue is full the samples of a
// batch are dropped and counted (ring_queue_full); process events never are, they go with the next batch.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "agent/batch.h"
#include "agent/sampler.h"
#include "agent/stats.h"
#include "base/error.h"
#include "discovery/sideband.h"

namespace stoker::agent {

class RingReader {
 public:
  // All four must outlive the reader.
  static Result<std::unique_ptr<RingReader>> start(Sampler& sampler, discovery::Sideband& sideband,
                                                   BatchQueue& queue, StatCounters& stats);
  ~RingReader();
  RingReader(const RingReader&) = delete;
  RingReader& operator=(const RingReader&) = delete;

  // After the sampler has stopped: hands over what is left, then closes the queue and ends the thread.
  void finish();

 private:
  class Ring;
  RingReader(Sampler& sampler, discovery::Sideband& sideband, BatchQueue& queue, StatCounters& stats,
             std::unique_ptr<Ring> ring);
  void run();
  void pass_on(int timeout_ms);
  void hand_over();
  void follow_hotplug();

  Sampler& sampler_;
  discovery::Sideband& sideband_;
  BatchQueue& queue_;
  StatCounters& stats_;
  std::unique_ptr<Ring> ring_;
  Batch batch_;
  std::atomic<bool> finishing_ = false;
  MonotonicTime next_hotplug_check_;
  std::jthread thread_;
};

}  // namespace stoker::agent
