#include "agent/requirements.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "agent/kernel_features.h"
#include "agent/sampler.h"
#include "agent/sampling_events.h"
#include "base/mapped_file.h"
#include "discovery/sideband.h"
#include "symbolize/symbolizer.h"

namespace stoker::agent {
namespace {

// Bits of /proc/self/status' CapEff (include/uapi/linux/capability.h).
struct Capability {
  const char* name;
  int bit;
  bool needed;
  const char* use;
};
constexpr Capability kCapabilities[] = {
    {"CAP_BPF", 39, true, "load BPF programs"},
    {"CAP_PERFMON", 38, true, "sample other users' processes and the kernel"},
    {"CAP_SYS_PTRACE", 19, false, "files of other users' processes, through /proc/PID/root and maps"},
    {"CAP_DAC_READ_SEARCH", 2, false, "binaries that only their owner may read"},
    {"CAP_CHECKPOINT_RESTORE", 40, false, "deleted and memfd binaries, through /proc/PID/map_files"},
    {"CAP_SYSLOG", 34, false, "kernel symbols when kernel.kptr_restrict is 1"},
};
constexpr int kSysAdmin = 21;  // stands for most of the others

std::string trimmed(const std::string& path) {
  auto text = read_file(path);
  if (!text) {
    return "not readable";
  }
  while (!text->empty() && text->back() == '\n') {
    text->pop_back();
  }
  return *text;
}

std::uint64_t effective_capabilities() {
  const auto status = read_file("/proc/self/status");
  const std::size_t at = status ? status->find("CapEff:") : std::string::npos;
  std::uint64_t bits = 0;
  if (at != std::string::npos) {
    const char* start = status->data() + at + std::strlen("CapEff:\t");
    std::from_chars(start, status->data() + status->size(), bits, 16);
  }
  return bits;
}

Requirement kernel() {
  utsname name{};
  ::uname(&name);
  return {"kernel", Standing::kGood, fmt::format("{} {}", name.release, name.machine), ""};
}

Requirement btf() {
  struct stat info{};
  if (::stat("/sys/kernel/btf/vmlinux", &info) == 0) {
    return {"BTF", Standing::kGood,
            fmt::format("/sys/kernel/btf/vmlinux, {:.1f} MiB", static_cast<double>(info.st_size) / (1 << 20)),
            ""};
  }
  return {"BTF", Standing::kMissing, "/sys/kernel/btf/vmlinux is missing",
          "use a kernel with CONFIG_DEBUG_INFO_BTF (all major distributions since 2021), and mount /sys in a "
          "container"};
}

void capabilities(std::vector<Requirement>& out) {
  const std::uint64_t have = effective_capabilities();
  const bool admin = (have >> kSysAdmin & 1) != 0;
  for (const Capability& capability : kCapabilities) {
    const bool granted = (have >> capability.bit & 1) != 0;
    // CAP_SYS_ADMIN includes these three (capabilities(7)); the others stand alone.
    const bool covered = admin && (capability.bit == 39 || capability.bit == 38 || capability.bit == 40);
    if (granted || covered) {
      out.push_back({capability.name, Standing::kGood, granted ? "granted" : "by CAP_SYS_ADMIN", ""});
    } else {
      out.push_back({capability.name, capability.needed ? Standing::kMissing : Standing::kLimited,
                     "not granted", fmt::format("run as root or grant it; it is for: {}", capability.use)});
    }
  }
}

Requirement lockdown() {
  const std::string mode = trimmed("/sys/kernel/security/lockdown");
  if (mode.find("[confidentiality]") == std::string::npos) {
    return {"kernel lockdown", Standing::kGood, mode == "not readable" ? "not in use" : mode, ""};
  }
  return {"kernel lockdown", Standing::kMissing, mode,
          "lockdown=confidentiality forbids BPF to read memory: boot with lockdown=integrity or none"};
}

// One line for each second way that is in use on this kernel.
void fallbacks(std::vector<Requirement>& out) {
  const KernelFeatures features = kernel_features();
  if (features.growing_maps) {
    out.push_back({"growing BPF maps", Standing::kGood, "there", ""});
  } else {
    out.push_back(
        {"growing BPF maps", Standing::kLimited, "not in this kernel: maps of a fixed size instead",
         "before Linux 6.1 stacks of more than about 4000 processes at a time are walked in user space"});
  }
  if (features.task_pt_regs) {
    out.push_back({"bpf_task_pt_regs", Standing::kGood, "there", ""});
  } else {
    out.push_back({"bpf_task_pt_regs", Standing::kGood,
                   "not in this kernel: saved registers are found by the kernel stack's size instead", ""});
  }
}

Requirement ring_buffer() {
  if (::libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, nullptr) == 1) {
    return {"BPF ring buffer", Standing::kGood, "there", ""};
  }
  return {"BPF ring buffer", Standing::kMissing, "cannot be made",
          "it needs Linux 5.8 or later, and CAP_BPF"};
}

Requirement sampling() {
  auto sampler = Sampler::load({});
  Result<> started = sampler ? (*sampler)->start() : Result<>(std::unexpected(sampler.error()));
  if (!started) {
    return {"sampling program", Standing::kMissing, started.error().what + ": " + started.error().why,
            started.error().advice};
  }
  const std::string event = (*sampler)->event_name();
  (*sampler)->stop();
  if (event == "cycles") {
    return {"sampling program", Standing::kGood, "loads and runs on hardware cycles", ""};
  }
  return {"sampling program", Standing::kGood,
          "loads and runs on the kernel's CPU clock (no hardware counters here)", ""};
}

Requirement process_events() {
  auto sideband = discovery::Sideband::open({});
  if (!sideband) {
    return {"process events", Standing::kMissing, sideband.error().what + ": " + sideband.error().why,
            sideband.error().advice};
  }
  if (sideband->has_build_ids()) {
    return {"process events", Standing::kGood, "perf sideband with build ids", ""};
  }
  return {"process events", Standing::kLimited, "perf sideband without build ids",
          "before Linux 5.12 mapped files are told apart by device and inode"};
}

Requirement kernel_symbols() {
  symbolize::Symbolizer symbolizer({});
  const std::string hint = symbolizer.kernel_hint();
  const std::string found = "kernel.kptr_restrict = " + trimmed("/proc/sys/kernel/kptr_restrict");
  return {"kernel symbols", hint.empty() ? Standing::kGood : Standing::kLimited, found, hint};
}

Requirement pid_namespace() {
  constexpr std::uint64_t kInitial = 0xEFFFFFFC;  // PROC_PID_INIT_INO, include/linux/proc_ns.h
  struct stat info{};
  if (::stat("/proc/self/ns/pid", &info) == 0 && info.st_ino == kInitial) {
    return {"PID namespace", Standing::kGood, "the host's", ""};
  }
  return {
      "PID namespace", Standing::kLimited, "not the host's",
      "processes outside it are sampled without names: run with hostPID (Kubernetes) or --pid=host (Docker)"};
}

Requirement rates() {
  return {"sample rate", Standing::kGood,
          fmt::format("up to {} Hz; kernel.perf_event_paranoid = {}", max_sample_rate(),
                      trimmed("/proc/sys/kernel/perf_event_paranoid")),
          ""};
}

}  // namespace

std::vector<Requirement> check_requirements() {
  ::libbpf_set_print(nullptr);
  std::vector<Requirement> all{kernel(), btf()};
  capabilities(all);
  all.push_back(lockdown());
  all.push_back(ring_buffer());
  all.push_back(sampling());
  all.push_back(process_events());
  fallbacks(all);
  all.push_back(kernel_symbols());
  all.push_back(pid_namespace());
  all.push_back(rates());
  return all;
}

}  // namespace stoker::agent
