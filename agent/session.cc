#include "agent/session.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "base/priority.h"

namespace stoker::agent {
namespace {

// At ten batches a second the pipeline may fall this far behind, a quarter of a minute, before samples are dropped.
constexpr std::size_t kQueuedBatches = 150;

// More than a second of a CPU's samples at the default rate, if all are copies of large stacks.
constexpr std::size_t kQueuedBytesPerCpu = 4 << 20;
constexpr std::size_t kMostQueuedBytes = 64 << 20;

std::size_t queued_bytes() {
  const std::size_t cpus = std::max(1U, std::thread::hardware_concurrency());
  return std::min(cpus * kQueuedBytesPerCpu, kMostQueuedBytes);
}

}  // namespace

Session::Session(std::unique_ptr<Sampler> sampler, discovery::Sideband sideband, ProcessFilter filter,
                 std::uint64_t table_budget)
    : sampler_(std::move(sampler)),
      sideband_(std::move(sideband)),
      queue_(kQueuedBatches, queued_bytes()),
      pipeline_(*sampler_, queue_, counters_, std::move(filter), table_budget) {}

Session::~Session() {
  if (reader_ != nullptr) {
    stop();
  }
}

Result<std::unique_ptr<Session>> Session::start(SessionOptions options) {
  // Nothing is sampled until the kernel has verified the programs: a third of a second of CPU time, which on a busy host
  // is what somebody who started a recording waits for.
  std::optional<PriorityBoost> boost(std::in_place);
  auto sampler = Sampler::load(options.sampler);
  boost.reset();
  if (!sampler) {
    return std::unexpected(sampler.error());
  }
  // Before /proc is read and before the first sample, so that no process falls between.
  auto sideband = discovery::Sideband::open({});
  if (!sideband) {
    return std::unexpected(sideband.error());
  }
  std::unique_ptr<Session> session(new Session(*std::move(sampler), *std::move(sideband),
                                               std::move(options.filter), options.table_budget));
  if (auto started = session->sampler_->start(); !started) {
    return std::unexpected(started.error());
  }
  auto reader =
      RingReader::start(*session->sampler_, session->sideband_, session->queue_, session->counters_);
  if (!reader) {
    return std::unexpected(reader.error());
  }
  session->reader_ = *std::move(reader);
  session->pipeline_.start();
  return session;
}

Window Session::stop() {
  sampler_->stop();
  if (reader_ != nullptr) {
    reader_->finish();
    reader_.reset();
  }
  return pipeline_.finish();
}

StatTotals Session::stats() const {
  StatTotals totals;
  sampler_->add_stats(totals);
  counters_.add_to(totals);
  return totals;
}

}  // namespace stoker::agent
