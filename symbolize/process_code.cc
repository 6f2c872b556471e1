#include "symbolize/process_code.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/mapped_file.h"

namespace stoker::symbolize {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// The last number of "NSpid:" in /proc/PID/status: what the process itself calls its PID.
pid_t pid_in_namespace(pid_t pid) {
  const auto status = read_file(fmt::format("/proc/{}/status", pid));
  const std::size_t start = status ? status->find("NSpid:") : std::string::npos;
  if (start == std::string::npos) {
    return pid;
  }
  const std::size_t end = std::min(status->find('\n', start), status->size());
  const std::size_t last = status->find_last_of(" \t", end - 1) + 1;
  pid_t inner = pid;
  std::from_chars(status->data() + last, status->data() + end, inner);
  return inner;
}

// The path of a mapped ".../jit-N.dump"; "" when there is none.
std::string mapped_dump(pid_t pid) {
  const auto maps = read_file(fmt::format("/proc/{}/maps", pid));
  const std::size_t at = maps ? maps->find("/jit-") : std::string::npos;
  if (at == std::string::npos) {
    return {};
  }
  const std::size_t line_end = std::min(maps->find('\n', at), maps->size());
  const std::size_t line_start = maps->rfind('\n', at) + 1;
  const std::size_t path = maps->find('/', line_start);
  const std::string_view text = std::string_view(*maps).substr(path, line_end - path);
  return text.ends_with(".dump") ? std::string(text) : std::string{};
}

}  // namespace

ProcessCode::ProcessCode(pid_t pid, uid_t uid, std::string root, std::size_t most_bytes)
    : pid_(pid), uid_(uid), root_(std::move(root)), most_bytes_(most_bytes) {}

void ProcessCode::look_for_files() {
  if (!map_) {
    map_.emplace(root_, fmt::format("/tmp/perf-{}.map", pid_in_namespace(pid_)), uid_, most_bytes_);
  }
  if (!dump_) {
    if (std::string path = mapped_dump(pid_); !path.empty()) {
      dump_.emplace(root_, std::move(path), uid_, most_bytes_);
    }
  }
}

void ProcessCode::refresh(Complaints& complaints) {
  const MonotonicTime now = monotonic_now();
  if (refreshed_ && now.ns - refreshed_->ns < kSecond) {
    return;
  }
  refreshed_ = now;
  if (!root_.empty() && ::access(root_.c_str(), F_OK) != 0) {
    return;  // gone
  }
  look_for_files();
  const auto read = [&](auto& source) {
    if (const auto result = source->refresh(); !result) {
      if (result.error().code != ENOENT) {
        complaints.once(result.error());
      }
      if (source->names().size() == 0) {
        source.reset();
      }
    }
  };
  if (map_) {
    read(map_);
  }
  if (dump_) {
    read(dump_);
  }
}

std::string_view ProcessCode::find(elf::RunAddress address, Complaints& complaints) {
  refresh(complaints);
  std::string_view name;
  if (dump_) {
    name = dump_->names().find(address.value);
  }
  if (name.empty() && map_) {
    name = map_->names().find(address.value);
  }
  return !name.empty() ? name : map_ || dump_ ? "[jit]" : "[anon]";
}

std::uint64_t ProcessCode::memory_bytes() const {
  return 512 + (map_ ? map_->names().memory_bytes() : 0) + (dump_ ? dump_->names().memory_bytes() : 0);
}

}  // namespace stoker::symbolize
