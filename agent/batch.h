// What the ring thread hands to the pipeline.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
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

// Limited in number and in bytes of records: a pipeline that is not let run while samples come as copies of stacks
// would have 100 MB behind it before their number says anything. One producer and one consumer.
class BatchQueue {
 public:
  BatchQueue(std::size_t batches, std::size_t bytes) : most_bytes_(bytes), queue_(batches) {}

  // False when it would hold too much, or is closed; the batch is then untouched. An empty queue takes any batch, and
  // one without records always fits in.
  bool push(Batch&& batch) {
    const std::size_t size = batch.bytes.size();
    const std::size_t before = bytes_.fetch_add(size);
    if ((size != 0 && before != 0 && before + size > most_bytes_) || !queue_.push(std::move(batch))) {
      bytes_ -= size;
      return false;
    }
    return true;
  }

  // As BoundedQueue's.
  std::optional<Batch> pop(std::chrono::milliseconds timeout) {
    std::optional<Batch> batch = queue_.pop(timeout);
    if (batch) {
      bytes_ -= batch->bytes.size();
    }
    return batch;
  }

  void close() { queue_.close(); }
  bool closed() const { return queue_.closed(); }

 private:
  const std::size_t most_bytes_;
  std::atomic<std::size_t> bytes_ = 0;  // of the records that are queued
  BoundedQueue<Batch> queue_;
};

}  // namespace stoker::agent
