#include "agent/sampler.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sampler.skel.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <utility>

#include "agent/kernel_features.h"
#include "agent/sampling_events.h"
#include "base/log.h"
#include "discovery/cpu_list.h"

namespace stoker::agent {
namespace {

// The inode of the initial PID namespace (PROC_PID_INIT_INO, include/linux/proc_ns.h).
constexpr std::uint32_t kInitialPidNamespace = 0xEFFFFFFC;

// Room for a tenth of a second, the reader's longest wait, of samples at the default rate that are all copies of large
// stacks; a woken reader is much faster.
constexpr std::size_t kRingBytesPerCpu = 256 << 10;
constexpr std::size_t kLeastRingBytes = 2 << 20;
constexpr std::size_t kMostRingBytes = 16 << 20;

// Where maps take all their memory at once: mapping blocks for 4096 ordinary processes (13 MiB; others' stacks are sent
// as copies), and as many targets as a command line and their children may name (1 MiB).
constexpr std::uint32_t kFixedMapBlocks = 4096;
constexpr std::uint32_t kFixedTargets = 16384;

// What CO-RE relocates the programs by.
constexpr const char* kKernelTypes = "/sys/kernel/btf/vmlinux";

int log_from_libbpf(libbpf_print_level level, const char* format, va_list args) {
  if (level == LIBBPF_DEBUG || !log::enabled(log::Level::kDebug)) {
    return 0;
  }
  char line[4096];
  const int length = std::vsnprintf(line, sizeof(line), format, args);
  std::string_view text(line, static_cast<std::size_t>(std::clamp(length, 0, int{sizeof(line)} - 1)));
  while (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  log::debug("{}", text);
  return 0;
}

std::uint32_t own_pid_namespace() {
  struct stat info{};
  if (::stat("/proc/self/ns/pid", &info) != 0) {
    return 0;
  }
  const auto inode = static_cast<std::uint32_t>(info.st_ino);
  return inode == kInitialPidNamespace ? 0 : inode;
}

std::vector<int> online_cpus() {
  return discovery::online_cpus().value_or(std::vector<int>{0});
}

void fix_map_sizes(sampler_bpf& skeleton) {
  ::bpf_map__set_map_flags(skeleton.maps.map_blocks, 0);
  ::bpf_map__set_max_entries(skeleton.maps.map_blocks, kFixedMapBlocks);
  ::bpf_map__set_map_flags(skeleton.maps.target_pids, 0);
  ::bpf_map__set_max_entries(skeleton.maps.target_pids, kFixedTargets);
}

std::string load_advice(int code) {
  if (code == EPERM || code == EACCES) {
    return "run as root, or with CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8); see `agent "
           "doctor`";
  }
  return "see `agent doctor`, or run with --log-level debug for the verifier's words";
}

}  // namespace

class Sampler::Impl {
 public:
  Impl(sampler_bpf* opened, int frequency) : skeleton(opened), events(opened->progs.sample_cpu, frequency) {}
  ~Impl() {
    events.stop();
    ::sampler_bpf__destroy(skeleton);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  sampler_bpf* skeleton;
  SamplingEvents events;
  std::vector<int> cpus;
};

Sampler::Sampler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Sampler::~Sampler() = default;

Result<std::unique_ptr<Sampler>> Sampler::load(const SamplerOptions& options) {
  ::libbpf_set_print(log_from_libbpf);
  sampler_bpf* const skeleton = ::sampler_bpf__open();
  if (skeleton == nullptr) {
    return system_error("cannot open the BPF programs", errno);
  }
  auto impl = std::make_unique<Impl>(skeleton, options.frequency);

  const std::size_t cpus = std::max<std::size_t>(1, online_cpus().size());
  const std::size_t ring_bytes =
      std::bit_ceil(std::clamp(cpus * kRingBytesPerCpu, kLeastRingBytes, kMostRingBytes));
  ::bpf_map__set_max_entries(skeleton->maps.ring, static_cast<std::uint32_t>(ring_bytes));
  ::bpf_map__set_max_entries(skeleton->maps.scratches,
                             static_cast<std::uint32_t>(std::max(1, ::libbpf_num_possible_cpus())));
  if (!kernel_features().growing_maps) {
    fix_map_sizes(*skeleton);
  }
  sampler_config& config = const_cast<sampler_config&>(skeleton->rodata->config);
  config.pid_namespace_inode = own_pid_namespace();
  config.filter = options.filter;
  config.follow_children = options.follow_children ? 1 : 0;
  config.kernel_stacks = options.kernel_stacks ? 1 : 0;
  config.wakeup_bytes = static_cast<std::uint32_t>(ring_bytes / 4);
  config.seen_mask = ::bpf_map__max_entries(skeleton->maps.seen_stacks) - 1;
  ::bpf_program__set_autoload(skeleton->progs.follow_fork, options.follow_children);

  if (const int status = ::sampler_bpf__load(skeleton); status != 0) {
    if (::access(kKernelTypes, R_OK) != 0) {
      return make_error("cannot load the BPF programs",
                        fmt::format("the kernel's type information {} is missing", kKernelTypes),
                        "it takes a kernel with CONFIG_DEBUG_INFO_BTF=y; see `agent doctor`");
    }
    return system_error("cannot load the BPF programs", -status, load_advice(-status));
  }
  std::unique_ptr<Sampler> sampler(new Sampler(std::move(impl)));
  for (const pid_t pid : options.target_pids) {
    sampler->add_target(pid);
  }
  return sampler;
}

Result<> Sampler::start() {
  if (::bpf_program__autoload(impl_->skeleton->progs.follow_fork)) {
    impl_->skeleton->links.follow_fork = ::bpf_program__attach(impl_->skeleton->progs.follow_fork);
    if (impl_->skeleton->links.follow_fork == nullptr) {
      return system_error("cannot follow forks of the targets", errno);
    }
  }
  impl_->cpus = online_cpus();
  return impl_->events.follow(impl_->cpus);
}

void Sampler::stop() {
  impl_->events.stop();
}

void Sampler::follow_hotplug(discovery::Sideband& sideband) {
  std::vector<int> cpus = online_cpus();
  if (cpus == impl_->cpus) {
    return;
  }
  log::info("{} CPUs are online now, {} were", cpus.size(), impl_->cpus.size());
  for (const int cpu : impl_->cpus) {
    if (std::ranges::find(cpus, cpu) == cpus.end()) {
      sideband.remove_cpu(cpu);
    }
  }
  for (const int cpu : cpus) {
    if (auto added = sideband.add_cpu(cpu); !added) {
      log::warning("{}", added.error().message());
    }
  }
  if (auto followed = impl_->events.follow(cpus); !followed) {
    log::warning("{}", followed.error().message());
  }
  impl_->cpus = std::move(cpus);
}

const std::string& Sampler::event_name() const {
  return impl_->events.event_name();
}
int Sampler::ring_fd() const {
  return ::bpf_map__fd(impl_->skeleton->maps.ring);
}

int Sampler::map_fd(SamplerMap map) const {
  switch (map) {
    case SamplerMap::kRowSlabs:
      return ::bpf_map__fd(impl_->skeleton->maps.row_slabs);
    case SamplerMap::kChunkSlabs:
      return ::bpf_map__fd(impl_->skeleton->maps.chunk_slabs);
    case SamplerMap::kMapBlocks:
      return ::bpf_map__fd(impl_->skeleton->maps.map_blocks);
  }
  return -1;
}

void Sampler::add_stats(StatTotals& totals) const {
  const int cpus = ::libbpf_num_possible_cpus();
  const int map = ::bpf_map__fd(impl_->skeleton->maps.stats);
  std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(std::max(cpus, 1)));
  for (std::uint32_t id = 0; id < STAT_COUNT; ++id) {
    if (::bpf_map_lookup_elem(map, &id, per_cpu.data()) == 0) {
      for (const std::uint64_t value : per_cpu) {
        totals.values[id] += value;
      }
    }
  }
}

void Sampler::start_epoch() {
  std::atomic_ref<decltype(impl_->skeleton->bss->epoch)>(impl_->skeleton->bss->epoch)
      .fetch_add(1, std::memory_order_relaxed);
}

void Sampler::add_target(pid_t pid) {
  const auto key = static_cast<std::uint32_t>(pid);
  const std::uint8_t yes = 1;
  ::bpf_map_update_elem(::bpf_map__fd(impl_->skeleton->maps.target_pids), &key, &yes, BPF_ANY);
}

void Sampler::remove_target(pid_t pid) {
  const auto key = static_cast<std::uint32_t>(pid);
  ::bpf_map_delete_elem(::bpf_map__fd(impl_->skeleton->maps.target_pids), &key);
}

std::vector<pid_t> Sampler::targets() const {
  const int map = ::bpf_map__fd(impl_->skeleton->maps.target_pids);
  std::vector<pid_t> pids;
  std::uint32_t key = 0;
  const std::uint32_t* previous = nullptr;
  while (::bpf_map_get_next_key(map, previous, &key) == 0) {
    pids.push_back(static_cast<pid_t>(key));
    previous = &key;
  }
  return pids;
}

void Sampler::judge_comm(std::string_view comm, bool wanted) {
  char key[COMM_SIZE] = {};
  std::memcpy(key, comm.data(), std::min<std::size_t>(comm.size(), COMM_SIZE - 1));
  const std::uint8_t verdict = wanted ? VERDICT_YES : VERDICT_NO;
  ::bpf_map_update_elem(::bpf_map__fd(impl_->skeleton->maps.comm_verdicts), key, &verdict, BPF_ANY);
}

void Sampler::judge_pid(pid_t pid, bool wanted) {
  const auto key = static_cast<std::uint32_t>(pid);
  const std::uint8_t verdict = wanted ? VERDICT_YES : VERDICT_NO;
  ::bpf_map_update_elem(::bpf_map__fd(impl_->skeleton->maps.pid_verdicts), &key, &verdict, BPF_ANY);
}

void Sampler::forget_pid(pid_t pid) {
  const auto key = static_cast<std::uint32_t>(pid);
  ::bpf_map_delete_elem(::bpf_map__fd(impl_->skeleton->maps.pid_verdicts), &key);
}

}  // namespace stoker::agent
