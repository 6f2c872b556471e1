#include "discovery/sideband.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "discovery/cpu_list.h"
#include "discovery/perf_ring.h"

namespace stoker::discovery {
namespace {

// A record is stamped before it is written: one that was being written while we read may be this much older
// than the time we read at. A record that is later still comes out of order, not lost.
constexpr std::uint64_t kWriteTime = 1'000'000;

perf_event_attr attributes(const Sideband::Options& options, bool build_ids, bool kernel_symbols) {
  perf_event_attr attr{};
  attr.size = sizeof(attr);
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  attr.sample_type = PERF_SAMPLE_TIME;
  attr.sample_id_all = 1;
  attr.exclude_kernel = 1;
  attr.mmap = 1;
  attr.mmap2 = 1;
  attr.build_id = build_ids ? 1 : 0;
  attr.comm = 1;
  attr.comm_exec = 1;
  attr.task = 1;
  attr.ksymbol = kernel_symbols ? 1 : 0;
  attr.use_clockid = 1;
  attr.clockid = CLOCK_MONOTONIC;
  attr.watermark = 1;
  attr.wakeup_watermark = static_cast<std::uint32_t>(options.ring_bytes / 4);
  return attr;
}

UniqueFd open_event(perf_event_attr attr, int cpu) {
  return UniqueFd(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attr, -1, cpu, -1, static_cast<unsigned long>(PERF_FLAG_FD_CLOEXEC))));
}

}  // namespace

class Sideband::Impl {
 public:
  explicit Impl(const Options& options) : options_(options), build_ids_(options.build_ids) {}

  Result<> add_cpu(int cpu) {
    if (std::ranges::find(rings_, cpu, &CpuRing::cpu) != rings_.end()) {
      return {};
    }
    UniqueFd event = open_event(attributes(options_, build_ids_, kernel_symbols_), cpu);
    // An unknown bit is refused with EINVAL. build_id is of Linux 5.12, ksymbol of 5.1.
    if (!event && errno == EINVAL && build_ids_) {
      build_ids_ = false;
      event = open_event(attributes(options_, build_ids_, kernel_symbols_), cpu);
    }
    if (!event && errno == EINVAL && kernel_symbols_) {
      kernel_symbols_ = false;
      event = open_event(attributes(options_, build_ids_, kernel_symbols_), cpu);
    }
    if (!event) {
      const int error = errno;
      const bool denied = error == EACCES || error == EPERM;
      return system_error("cannot watch processes on CPU " + std::to_string(cpu), error,
                          denied ? "run as root or with CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8)" : "");
    }
    auto ring = PerfRing::map(std::move(event), options_.ring_bytes);
    if (!ring) {
      return std::unexpected(ring.error());
    }
    fds_.push_back(ring->fd());
    rings_.push_back({cpu, *std::move(ring)});
    return {};
  }

  void remove_cpu(int cpu) {
    const auto found = std::ranges::find(rings_, cpu, &CpuRing::cpu);
    if (found == rings_.end()) {
      return;
    }
    read(*found);
    std::erase(fds_, found->ring.fd());
    rings_.erase(found);
  }

  MonotonicTime drain(std::vector<SidebandEvent>& out) {
    const MonotonicTime complete{monotonic_now().ns - kWriteTime};
    for (CpuRing& ring : rings_) {
      read(ring);
    }
    // Indexes are sorted rather than events, and an index decides between equal times: one CPU's records keep
    // their order.
    order_.clear();
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      order_.emplace_back(pending_[i].time, i);
    }
    std::ranges::sort(order_);
    std::vector<SidebandEvent> later;
    for (const auto& [time, index] : order_) {
      (time <= complete ? out : later).push_back(std::move(pending_[index]));
    }
    pending_ = std::move(later);
    return complete;
  }

  const std::vector<int>& fds() const { return fds_; }
  bool has_build_ids() const { return build_ids_; }

 private:
  struct CpuRing {
    int cpu;
    PerfRing ring;
  };

  void read(CpuRing& ring) {
    const bool intact = ring.ring.drain(scratch_, [this](ByteView record) {
      SidebandEvent event;
      if (parse_record(record, event)) {
        pending_.push_back(std::move(event));
      }
    });
    if (!intact) {
      pending_.push_back({monotonic_now(), LostEvent{1}});
    }
  }

  Options options_;
  bool build_ids_;
  bool kernel_symbols_ = true;
  std::vector<CpuRing> rings_;
  std::vector<int> fds_;
  std::vector<SidebandEvent> pending_;
  std::vector<std::pair<MonotonicTime, std::size_t>> order_;
  std::vector<std::byte> scratch_;
};

Sideband::Sideband(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Sideband::Sideband(Sideband&& other) noexcept = default;
Sideband& Sideband::operator=(Sideband&& other) noexcept = default;
Sideband::~Sideband() = default;

Result<Sideband> Sideband::open(const Options& options) {
  const auto cpus = online_cpus();
  if (!cpus) {
    return std::unexpected(cpus.error());
  }
  auto impl = std::make_unique<Impl>(options);
  for (const int cpu : *cpus) {
    if (auto added = impl->add_cpu(cpu); !added) {
      // A CPU that went away since the list was read is no failure.
      if (added.error().code == ENODEV) {
        continue;
      }
      return std::unexpected(added.error());
    }
  }
  return Sideband(std::move(impl));
}

MonotonicTime Sideband::drain(std::vector<SidebandEvent>& out) {
  return impl_->drain(out);
}
const std::vector<int>& Sideband::fds() const {
  return impl_->fds();
}
Result<> Sideband::add_cpu(int cpu) {
  return impl_->add_cpu(cpu);
}
void Sideband::remove_cpu(int cpu) {
  impl_->remove_cpu(cpu);
}
bool Sideband::has_build_ids() const {
  return impl_->has_build_ids();
}

}  // namespace stoker::discovery
