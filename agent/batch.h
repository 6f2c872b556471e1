// What the ring thread hands to the pipeline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "discovery/sideband.h"

namespace stoker::agent {

// Sample records as they came from the ring buffer, and the process events that were recorded before them.
struct Batch {
  std::vector<std::byte> bytes;      // all records, one behind the other
  std::vector<std::uint32_t> sizes;  // of each record
  std::vector<discovery::SidebandEvent> events;
  MonotonicTime complete;  // no event before this time is still to come: samples before it may be resolved
};

using BatchQueue = BoundedQueue<Batch>;

}  // namespace stoker::agent
