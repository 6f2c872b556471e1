#include "agent/stat_metrics.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "base/clock.h"
#include "base/mapped_file.h"

namespace stoker::agent {
namespace {

// Second number of /proc/self/statm, in pages (proc(5)).
double resident_bytes() {
  const auto text = read_file("/proc/self/statm");
  const std::size_t at = text ? text->find(' ') : std::string::npos;
  std::uint64_t pages = 0;
  if (at != std::string::npos) {
    std::from_chars(text->data() + at + 1, text->data() + text->size(), pages);
  }
  return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

StatMetrics::StatMetrics(metrics::Registry& registry, const Session& session) : session_(session) {
  for (std::size_t id = 0; id < counters_.size(); ++id) {
    const StatInfo& info = stat_info(static_cast<stat_id>(id));
    const std::string name(info.name);
    switch (info.kind) {
      case StatKind::kTaken:
      case StatKind::kDelivered:
        counters_[id] =
            registry.counter(fmt::format("stoker_samples_{}_total", name), std::string(info.sentence));
        break;
      case StatKind::kDrop:
        counters_[id] = registry.counter("stoker_samples_dropped_total",
                                         "Samples that are in no profile, by reason", {{"reason", name}});
        break;
      case StatKind::kCut:
        counters_[id] = registry.counter("stoker_stacks_cut_total",
                                         "Samples whose user stack ends before a root", {{"reason", name}});
        break;
      case StatKind::kNote:
        counters_[id] = registry.counter(fmt::format("stoker_{}_total", name), std::string(info.sentence));
        break;
    }
  }
  cpu_seconds_ =
      registry.counter("process_cpu_seconds_total", "CPU time of the agent itself, user and system");
  resident_bytes_ = registry.gauge("process_resident_memory_bytes", "Resident memory of the agent itself");
  registry.before_exposition([this] { refresh(); });
}

void StatMetrics::refresh() {
  const StatTotals totals = session_.stats();
  for (std::size_t id = 0; id < counters_.size(); ++id) {
    counters_[id].raise_to(static_cast<double>(totals.values[id]));
  }
  cpu_seconds_.raise_to(static_cast<double>(own_cpu_time().count()) / 1e9);
  resident_bytes_.set(resident_bytes());
}

}  // namespace stoker::agent
