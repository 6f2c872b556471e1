// Process events and samples on one line of time: brings the process table to the moment of each sample.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "bpf/shared/record.h"
#include "discovery/processes.h"
#include "discovery/sideband.h"

namespace stoker::agent {

// Pipeline thread only.
class ProcessTimeline {
 public:
  using Observe = std::function<void(const discovery::SidebandEvent& event)>;

  // observe: called with each event just before it is applied. processes must outlive the timeline.
  ProcessTimeline(discovery::ProcessTable& processes, Observe observe)
      : processes_(processes), observe_(std::move(observe)) {}

  // events: later than all that were added before, in order of time.
  void add(std::span<const discovery::SidebandEvent> events);
  // Applies what happened up to time.
  void advance(MonotonicTime time);
  // Makes the sample's process what it was when the sample was taken. complete: no event before it is still to come.
  // False when the event that explains the sample must be among those: to be asked again with a later complete.
  bool reach(const sample_record& sample, MonotonicTime complete);

 private:
  bool renamed(const sample_record& sample) const;
  bool apply_rename(const sample_record& sample);
  void apply(const discovery::SidebandEvent& event);

  discovery::ProcessTable& processes_;
  Observe observe_;
  std::vector<discovery::SidebandEvent> events_;  // in order of time; those before next_ are applied
  std::size_t next_ = 0;
};

// The sample's thread name, without padding.
std::string_view comm_of(const sample_record& sample);

}  // namespace stoker::agent
