#include "agent/sampling_events.h"

#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/mapped_file.h"

namespace stoker::agent {
namespace {

Result<UniqueFd> open_event(std::uint32_t type, std::uint64_t config, int frequency, int cpu) {
  perf_event_attr attr{};
  attr.size = sizeof(attr);
  attr.type = type;
  attr.config = config;
  attr.freq = 1;
  attr.sample_freq = static_cast<std::uint64_t>(frequency);
  attr.exclude_idle = 1;
  const long fd = ::syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) {
    const int code = errno;
    const bool denied = code == EACCES || code == EPERM;
    return system_error(
        "cannot open a perf event on CPU " + std::to_string(cpu), code,
        denied ? "run as root, or with CAP_PERFMON (kernel.perf_event_paranoid forbids it to others)" : "");
  }
  return UniqueFd(static_cast<int>(fd));
}

}  // namespace

int max_sample_rate() {
  constexpr int kKernelDefault = 100000;
  const auto text = read_file("/proc/sys/kernel/perf_event_max_sample_rate");
  int rate = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), rate).ec != std::errc{}) {
    return kKernelDefault;
  }
  return rate;
}

SamplingEvents::~SamplingEvents() {
  stop();
}

Result<UniqueFd> SamplingEvents::open(int cpu) {
  if (event_name_ != "cpu-clock") {
    auto cycles = open_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, frequency_, cpu);
    if (cycles) {
      event_name_ = "cycles";
      return cycles;
    }
    if (event_name_ == "cycles" || cycles.error().code == EACCES || cycles.error().code == EPERM) {
      return cycles;
    }
  }
  auto clock = open_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, frequency_, cpu);
  if (clock) {
    event_name_ = "cpu-clock";
  }
  return clock;
}

Result<> SamplingEvents::follow(const std::vector<int>& cpus) {
  std::erase_if(links_, [&](const auto& entry) {
    if (std::ranges::find(cpus, entry.first) != cpus.end()) {
      return false;
    }
    ::bpf_link__destroy(entry.second);
    return true;
  });
  Result<> result;
  for (const int cpu : cpus) {
    if (links_.contains(cpu)) {
      continue;
    }
    auto event = open(cpu);
    if (!event) {
      result = std::unexpected(event.error());  // it may have gone offline meanwhile
      continue;
    }
    bpf_link* const link = ::bpf_program__attach_perf_event(program_, event->get());
    if (link == nullptr) {
      result = system_error("cannot attach the sampling program to CPU " + std::to_string(cpu), errno);
      continue;
    }
    event->release();
    links_.emplace(cpu, link);
  }
  return links_.empty() ? result : Result<>{};
}

void SamplingEvents::stop() {
  for (const auto& [cpu, link] : links_) {
    ::bpf_link__destroy(link);
  }
  links_.clear();
}

}  // namespace stoker::agent
