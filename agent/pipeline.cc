#include "agent/pipeline.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/thread.h"

namespace stoker::agent {
namespace {

constexpr std::chrono::milliseconds kQueueWait{100};

std::string_view comm_of(const sample_record& record) {
  return {record.comm, ::strnlen(record.comm, sizeof(record.comm))};
}

// The record's own counts must agree with its size: the pipeline trusts no length twice.
bool well_formed(const sample_record& record, ByteView frames) {
  const std::size_t expected =
      (record.flags & SAMPLE_HAS_STACK) != 0 ? std::size_t{record.kernel_frames} + record.user_frames : 0;
  return record.kernel_frames <= MAX_KERNEL_FRAMES && record.user_frames <= MAX_USER_FRAMES &&
         record.user_end < STAT_COUNT && frames.size() == expected * sizeof(std::uint64_t);
}

}  // namespace

Pipeline::Pipeline(Sampler& sampler, BatchQueue& queue, StatCounters& stats, ProcessFilter filter)
    : sampler_(sampler),
      queue_(queue),
      stats_(stats),
      filter_(std::move(filter)),
      processes_table_({}, binaries_),
      window_(wall_now(), monotonic_now()) {}

Pipeline::~Pipeline() = default;

void Pipeline::start() {
  thread_ = start_thread("pipeline", [this] { run(); });
}

void Pipeline::run() {
  if (auto scanned = processes_table_.scan(); !scanned) {
    log::warning("{}", scanned.error().message());
  }
  while (true) {
    if (auto batch = queue_.pop(kQueueWait)) {
      take_in(*batch);
    } else if (queue_.closed()) {
      break;
    }
    answer_cut();
  }
  apply_until({~std::uint64_t{0}});
  for (const PendingSample& sample : std::exchange(early_, {})) {
    process(sample.record, sample.frames);
  }
}

void Pipeline::take_in(const Batch& batch) {
  events_.insert(events_.end(), batch.events.begin(), batch.events.end());

  struct Sample {
    sample_record record;
    ByteView frames;
  };
  std::vector<Sample> samples;
  samples.reserve(early_.size() + batch.sizes.size());
  const std::vector<PendingSample> waiting = std::exchange(early_, {});
  for (const PendingSample& sample : waiting) {
    samples.push_back({sample.record, sample.frames});
  }
  ByteView rest = batch.bytes;
  for (const std::uint32_t size : batch.sizes) {
    const ByteView bytes = rest.first(size);
    rest = rest.subspan(size);
    Sample sample{};
    if (size < sizeof(sample_record)) {
      stats_.add(STAT_bad_record);
      continue;
    }
    std::memcpy(&sample.record, bytes.data(), sizeof(sample_record));
    sample.frames = bytes.subspan(sizeof(sample_record));
    if (!well_formed(sample.record, sample.frames)) {
      stats_.add(STAT_bad_record);
      continue;
    }
    samples.push_back(sample);
  }
  // Each CPU's samples are in order, but not those of different CPUs.
  std::ranges::sort(samples, {}, [](const Sample& sample) { return sample.record.time_ns; });
  for (const Sample& sample : samples) {
    if (sample.record.time_ns >= batch.complete.ns) {
      early_.push_back({sample.record, {sample.frames.begin(), sample.frames.end()}});
      continue;
    }
    apply_until({sample.record.time_ns});
    process(sample.record, sample.frames);
  }
  apply_until(batch.complete);
  processes_table_.trim(batch.complete);
}

void Pipeline::apply_until(MonotonicTime time) {
  while (next_event_ < events_.size() && events_[next_event_].time <= time) {
    const discovery::SidebandEvent& event = events_[next_event_++];
    if (const auto* lost = std::get_if<discovery::LostEvent>(&event.what)) {
      stats_.add(STAT_sideband_lost, lost->count);
    } else if (const auto* exit = std::get_if<discovery::ExitEvent>(&event.what)) {
      if (filter_.container && exit->pid == exit->tid) {
        sampler_.forget_pid(exit->pid);
      }
    }
    processes_table_.apply(event);
  }
  if (next_event_ == events_.size()) {
    events_.clear();
    next_event_ = 0;
  }
}

bool Pipeline::wanted(discovery::Process& process, const sample_record& record) {
  if (filter_.comm) {
    // The kernel side judged by the name at that moment; the table has applied every event up to it.
    const std::string& comm = process.comm.empty() ? std::string(comm_of(record)) : process.comm;
    const bool yes = filter_.comm(comm);
    sampler_.judge_comm(comm, yes);
    return yes;
  }
  if (filter_.container) {
    const bool yes = filter_.container(processes_table_.container(process));
    sampler_.judge_pid(process.pid, yes);
    return yes;
  }
  return true;
}

void Pipeline::process(const sample_record& record, ByteView frames) {
  const StackCache::RawStack* stack = stacks_.find(record, frames);
  discovery::Process& process = processes_table_.at(static_cast<pid_t>(record.pid), comm_of(record));
  if ((record.flags & SAMPLE_UNDECIDED) != 0 && !wanted(process, record)) {
    stats_.add(STAT_undecided_refused);
    return;
  }
  if (stack == nullptr) {
    stats_.add(STAT_stack_unknown);
    sampler_.start_epoch();
    return;
  }
  const WindowBuilder::Key key{process.image, record.stack_hash,
                               ::XXH3_64bits(record.comm, comm_of(record).size())};
  if (!window_.count(key)) {
    map_frames(process, *stack);
    SampledProcess sampled;
    sampled.image = process.image;
    if (!window_.has_process(process.image)) {
      sampled.pid = process.pid;
      sampled.comm = process.comm.empty() ? std::string(comm_of(record)) : process.comm;
      sampled.exe = process.kernel_thread ? std::string() : processes_table_.exe(process);
      sampled.container = processes_table_.container(process);
    }
    window_.add(key, sampled, comm_of(record), mapped_);
  }
  stats_.add(STAT_delivered);
  samples_.fetch_add(1);
  processes_ = window_.processes();
}

void Pipeline::map_frames(discovery::Process& process, const StackCache::RawStack& stack) {
  using profile::FrameKind;
  mapped_.clear();
  for (std::size_t i = 0; i < stack.kernel().size(); ++i) {
    // All but the leaf are return addresses: the call lies before.
    mapped_.push_back({stack.kernel()[i] - (i == 0 ? 0 : 1), MappedFrame::kNoBinary, FrameKind::kKernel});
  }
  for (const std::uint64_t raw : stack.user()) {
    const std::uint64_t run = (raw & FRAME_EXACT) != 0 ? raw & ~FRAME_EXACT : raw - 1;
    const discovery::Resolved resolved = processes_table_.resolve(process, {run});
    mapped_.push_back(
        {resolved ? resolved.address.value : run, window_.binary_index(resolved.binary), FrameKind::kNative});
  }
  if (stack.user_end != 0) {
    mapped_.push_back({stack.user_end, MappedFrame::kNoBinary, FrameKind::kMarker});
  }
}

std::future<Window> Pipeline::cut() {
  const std::lock_guard lock(cut_mutex_);
  cut_request_.emplace();
  return cut_request_->get_future();
}

void Pipeline::answer_cut() {
  std::optional<std::promise<Window>> request;
  {
    const std::lock_guard lock(cut_mutex_);
    request.swap(cut_request_);
  }
  if (request) {
    stacks_.next_window();
    sampler_.start_epoch();
    request->set_value(window_.cut(wall_now(), monotonic_now()));
  }
}

Window Pipeline::finish() {
  if (thread_.joinable()) {
    thread_.join();
  }
  return window_.cut(wall_now(), monotonic_now());
}

}  // namespace stoker::agent
