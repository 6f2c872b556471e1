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

// At the end, for the tables that the last samples wait for.
constexpr std::uint64_t kLastTablesNs = 5'000'000'000;

// The record's own counts must agree with its size: the pipeline trusts no length twice.
bool well_formed(const sample_record& record, ByteView frames) {
  if (record.kernel_frames > MAX_KERNEL_FRAMES || record.user_frames > MAX_USER_FRAMES ||
      record.user_end >= STAT_COUNT) {
    return false;
  }
  const std::size_t kernel_bytes = record.kernel_frames * sizeof(std::uint64_t);
  if ((record.flags & SAMPLE_STACK_COPY) != 0) {
    return frames.size() >= kernel_bytes + sizeof(user_stack_copy);
  }
  const bool whole = (record.flags & SAMPLE_HAS_STACK) != 0;
  return frames.size() == (whole ? kernel_bytes + record.user_frames * sizeof(std::uint64_t) : 0);
}

}  // namespace

Pipeline::Pipeline(Sampler& sampler, BatchQueue& queue, StatCounters& stats, ProcessFilter filter,
                   std::uint64_t table_budget)
    : sampler_(sampler),
      queue_(queue),
      stats_(stats),
      filter_(std::move(filter)),
      processes_table_({}, binaries_),
      tables_(sampler.map_fd(SamplerMap::kRowSlabs), sampler.map_fd(SamplerMap::kChunkSlabs), table_budget),
      process_maps_(sampler.map_fd(SamplerMap::kMapBlocks), processes_table_, tables_, stats),
      copies_(processes_table_, tables_,
              [this](CopiedSample& sample, const WalkedStack& walked) {
                StackCache::RawStack stack;
                stack.kernel_frames = static_cast<std::uint16_t>(sample.kernel_frames.size());
                stack.user_end = walked.end;
                stack.addresses = sample.kernel_frames;
                stack.addresses.insert(stack.addresses.end(), walked.frames.begin(), walked.frames.end());
                const std::uint64_t hash = ::XXH3_64bits(stack.addresses.data(), stack.addresses.size() * 8);
                stats_.add(static_cast<stat_id>(walked.end), walked.end == 0 ? 0 : 1);
                deliver(sample.record, sample.process, hash, stack);
              }),
      window_(wall_now(), monotonic_now()),
      timeline_(processes_table_, [this](const discovery::SidebandEvent& event) { observe(event); }) {}

Pipeline::~Pipeline() = default;

void Pipeline::start() {
  thread_ = start_thread("pipeline", [this] { run(); });
}

void Pipeline::run() {
  if (auto scanned = processes_table_.scan(); !scanned) {
    log::warning("{}", scanned.error().message());
  }
  scanned_.count_down();
  while (true) {
    if (auto batch = queue_.pop(kQueueWait)) {
      take_in(*batch);
    } else if (queue_.closed()) {
      break;
    }
    use_finished_tables();
    process_maps_.flush();
    answer_cut();
  }
  constexpr MonotonicTime kEnd{~std::uint64_t{0}};
  for (const PendingSample& sample : std::exchange(early_, {})) {
    timeline_.reach(sample.record, kEnd);
    process(sample.record, sample.frames);
  }
  timeline_.advance(kEnd);
  const MonotonicTime deadline{monotonic_now().ns + kLastTablesNs};
  while (copies_.waiting() && tables_.building() && monotonic_now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
    use_finished_tables();
  }
  copies_.retry(true);
}

void Pipeline::use_finished_tables() {
  if (tables_.take_finished()) {
    process_maps_.tables_changed();
    copies_.retry();
  }
}

void Pipeline::take_in(const Batch& batch) {
  timeline_.add(batch.events);

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
      stats_.add(STAT_taken, (sample.record.flags & SAMPLE_UNDECIDED) != 0 ? 1 : 0);
      continue;
    }
    samples.push_back(sample);
  }
  // Each CPU's samples are in order, but not those of different CPUs.
  std::ranges::sort(samples, {}, [](const Sample& sample) { return sample.record.time_ns; });
  for (const Sample& sample : samples) {
    if (timeline_.reach(sample.record, batch.complete)) {
      process(sample.record, sample.frames);
    } else {
      early_.push_back({sample.record, {sample.frames.begin(), sample.frames.end()}});
    }
  }
  timeline_.advance(batch.complete);
  processes_table_.trim(batch.complete);
}

void Pipeline::observe(const discovery::SidebandEvent& event) {
  if (const auto* lost = std::get_if<discovery::LostEvent>(&event.what)) {
    stats_.add(STAT_sideband_lost, lost->count);
  } else if (const auto* code = std::get_if<discovery::KernelCodeEvent>(&event.what)) {
    window_.add_kernel_code({code->address, code->size, code->name});
  } else if (const auto* map = std::get_if<discovery::MapEvent>(&event.what)) {
    if (symbolize::is_dump_path(map->path)) {
      window_.found_dump(map->pid, map->path);
    }
  } else if (const auto* exit = std::get_if<discovery::ExitEvent>(&event.what)) {
    if (filter_.container && exit->pid == exit->tid) {
      sampler_.forget_pid(exit->pid);
    }
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
  const bool copied = (record.flags & SAMPLE_STACK_COPY) != 0;
  const StackCache::RawStack* stack = copied ? nullptr : stacks_.find(record, frames);
  discovery::Process& process = processes_table_.at(static_cast<pid_t>(record.pid), comm_of(record));
  if ((record.flags & SAMPLE_UNDECIDED) != 0) {
    if (!wanted(process, record)) {
      stats_.add(STAT_undecided_refused);
      return;
    }
    stats_.add(STAT_taken);
  }
  if (record.address_space != 0) {
    process_maps_.sampled(process, record.address_space);
  }
  if (copied) {
    take_copy(record, frames, process);
  } else if (stack != nullptr) {
    deliver(record, process, record.stack_hash, *stack);
  } else {
    stats_.add(STAT_stack_unknown);
    sampler_.start_epoch();
  }
}

void Pipeline::take_copy(const sample_record& record, ByteView bytes, discovery::Process& process) {
  CopiedSample sample;
  sample.record = record;
  sample.kernel_frames.resize(record.kernel_frames);
  const std::size_t kernel_bytes = record.kernel_frames * sizeof(std::uint64_t);
  std::memcpy(sample.kernel_frames.data(), bytes.data(), kernel_bytes);
  std::memcpy(&sample.copy, bytes.data() + kernel_bytes, sizeof(sample.copy));
  const ByteView stack = slice(bytes, kernel_bytes + sizeof(sample.copy), sample.copy.size);
  sample.stack.assign(stack.begin(), stack.end());
  sample.process = process;
  copies_.take(std::move(sample));
}

void Pipeline::deliver(const sample_record& record, discovery::Process& process, std::uint64_t stack_hash,
                       const StackCache::RawStack& stack) {
  const WindowBuilder::Key key{process.image, stack_hash, ::XXH3_64bits(record.comm, comm_of(record).size())};
  if (!window_.count(key)) {
    map_frames(process, stack);
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
    mapped_.push_back({.address = stack.kernel()[i] - (i == 0 ? 0 : 1), .kind = FrameKind::kKernel});
  }
  for (const std::uint64_t raw : stack.user()) {
    const std::uint64_t run = (raw & FRAME_EXACT) != 0 ? raw & ~FRAME_EXACT : raw - 1;
    const discovery::Resolved resolved = processes_table_.resolve(process, {run});
    MappedFrame frame{.address = run, .binary = window_.binary_index(resolved.binary)};
    if (resolved) {
      frame.address = resolved.address.value;
      if (resolved.binary->elf == nullptr && resolved.binary->path.starts_with('[')) {
        frame.kind = FrameKind::kRuntime;
        frame.pid = process.pid;
        meet_code_owner(process);
      }
    }
    mapped_.push_back(frame);
  }
  if (stack.user_end != 0) {
    mapped_.push_back({.address = stack.user_end, .kind = FrameKind::kMarker});
  }
}

void Pipeline::meet_code_owner(const discovery::Process& process) {
  if (window_.has_code_owner(process.pid, process.image)) {
    return;
  }
  // A sample that waited for tables has its process as it was then: what it has mapped since counts as well.
  const discovery::Process* now = processes_table_.find(process.pid);
  const bool same = now != nullptr && now->image == process.image;
  std::string dump;
  (same ? *now : process).mappings.for_each([&](const discovery::Mapping& mapping) {
    if (const std::string& path = processes_table_.file(mapping.file()).path; symbolize::is_dump_path(path)) {
      dump = path;
    }
  });
  auto owner = symbolize::find_code_owner(process.pid, process.image, std::move(dump));
  window_.add_code_owner(owner ? *std::move(owner)
                               : symbolize::CodeOwner{.pid = process.pid, .image = process.image});
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
