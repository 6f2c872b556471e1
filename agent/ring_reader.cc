#include "agent/ring_reader.h"

#include <bpf/libbpf.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/thread.h"
#include "discovery/cpu_list.h"

namespace stoker::agent {
namespace {

// Long enough that an idle host costs ten wakeups a second, short enough that the first sample shows at once.
constexpr int kLongestWaitMs = 100;
constexpr std::uint64_t kHotplugCheckNs = 1'000'000'000;

int append_record(void* context, void* data, std::size_t size) {
  Batch& batch = *static_cast<Batch*>(context);
  const auto* bytes = static_cast<const std::byte*>(data);
  batch.bytes.insert(batch.bytes.end(), bytes, bytes + size);
  batch.sizes.push_back(static_cast<std::uint32_t>(size));
  return 0;
}

// Samples that nobody has counted as taken yet: whether their process is wanted was to be decided here.
std::size_t undecided_in(const Batch& batch) {
  std::size_t count = 0;
  ByteView rest = batch.bytes;
  for (const std::uint32_t size : batch.sizes) {
    sample_record record{};
    std::memcpy(&record, rest.data(), std::min<std::size_t>(size, sizeof(record)));
    count += (record.flags & SAMPLE_UNDECIDED) != 0 ? 1 : 0;
    rest = rest.subspan(size);
  }
  return count;
}

}  // namespace

class RingReader::Ring {
 public:
  explicit Ring(ring_buffer* ring) : ring_(ring) {}
  ~Ring() { ::ring_buffer__free(ring_); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  ring_buffer* get() { return ring_; }

 private:
  ring_buffer* ring_;
};

Result<std::unique_ptr<RingReader>> RingReader::start(Sampler& sampler, discovery::Sideband& sideband,
                                                      BatchQueue& queue, StatCounters& stats) {
  std::unique_ptr<RingReader> reader(new RingReader(sampler, sideband, queue, stats, nullptr));
  ring_buffer* const ring = ::ring_buffer__new(sampler.ring_fd(), append_record, &reader->batch_, nullptr);
  if (ring == nullptr) {
    return system_error("cannot map the ring buffer", errno);
  }
  reader->ring_ = std::make_unique<Ring>(ring);
  reader->thread_ = start_thread("ring", [reader = reader.get()] { reader->run(); });
  return reader;
}

RingReader::RingReader(Sampler& sampler, discovery::Sideband& sideband, BatchQueue& queue,
                       StatCounters& stats, std::unique_ptr<Ring> ring)
    : sampler_(sampler), sideband_(sideband), queue_(queue), stats_(stats), ring_(std::move(ring)) {}

RingReader::~RingReader() {
  finish();
}

void RingReader::finish() {
  finishing_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
}

void RingReader::run() {
  while (!finishing_) {
    pass_on(kLongestWaitMs);
    follow_hotplug();
  }
  pass_on(0);
  queue_.close();
}

// Samples first, events after: whatever happened before a sample was taken is then in this batch or an earlier one.
void RingReader::pass_on(int timeout_ms) {
  std::vector<pollfd> waiting;
  waiting.push_back({sampler_.ring_fd(), POLLIN, 0});
  for (const int fd : sideband_.fds()) {
    waiting.push_back({fd, POLLIN, 0});
  }
  ::poll(waiting.data(), waiting.size(), timeout_ms);
  ::ring_buffer__consume(ring_->get());
  batch_.complete = sideband_.drain(batch_.events);
  hand_over();
}

void RingReader::hand_over() {
  const std::size_t samples = batch_.sizes.size();
  if (samples == 0 && batch_.events.empty()) {
    return;
  }
  if (queue_.push(std::move(batch_))) {
    batch_ = Batch{};
    return;
  }
  stats_.add(STAT_ring_queue_full, samples);
  stats_.add(STAT_taken, undecided_in(batch_));
  batch_.bytes.clear();
  batch_.sizes.clear();
  sampler_.start_epoch();  // whole stacks may have been among what is lost
}

void RingReader::follow_hotplug() {
  const MonotonicTime now = monotonic_now();
  if (now < next_hotplug_check_) {
    return;
  }
  next_hotplug_check_ = {now.ns + kHotplugCheckNs};
  sampler_.follow_hotplug(sideband_);
}

}  // namespace stoker::agent
