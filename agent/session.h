// Sampling from start to stop: owns the BPF side, the process events and the two threads between them.
#pragma once

#include <future>
#include <memory>
#include <string>

#include "agent/pipeline.h"
#include "agent/ring_reader.h"
#include "agent/sampler.h"
#include "agent/stats.h"
#include "base/error.h"

namespace stoker::agent {

struct SessionOptions {
  SamplerOptions sampler;
  ProcessFilter filter;
  std::uint64_t table_budget = 64 << 20;  // bytes of unwind tables in the kernel
};

class Session {
 public:
  // Loads, attaches and starts; samples are being taken when it returns.
  static Result<std::unique_ptr<Session>> start(SessionOptions options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Ends sampling, drains everything on its way and gives what was not cut yet. Afterwards stats() balance:
  // taken = delivered + dropped.
  Window stop();
  // Any thread.
  std::future<Window> cut() { return pipeline_.cut(); }
  StatTotals stats() const;
  Pipeline::Progress progress() const { return pipeline_.progress(); }
  void wait_scanned() { pipeline_.wait_scanned(); }
  Sampler& sampler() { return *sampler_; }

 private:
  Session(std::unique_ptr<Sampler> sampler, discovery::Sideband sideband, ProcessFilter filter,
          std::uint64_t table_budget);

  StatCounters counters_;
  std::unique_ptr<Sampler> sampler_;
  discovery::Sideband sideband_;
  BatchQueue queue_;
  Pipeline pipeline_;
  std::unique_ptr<RingReader> reader_;
};

}  // namespace stoker::agent
