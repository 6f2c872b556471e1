#include "symbolize/process_code.h"

#include <fmt/format.h>

#include <cerrno>
#include <string_view>

namespace stoker::symbolize {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

}  // namespace

void ProcessCode::refresh(const CodeOwner& owner, Complaints& complaints) {
  const MonotonicTime now = monotonic_now();
  if (refreshed_ && now.ns - refreshed_->ns < kSecond) {
    return;
  }
  refreshed_ = now;
  if (!map_) {
    map_.emplace(fmt::format("/tmp/perf-{}.map", owner.inner_pid), owner.uid, most_bytes_);
  }
  if (!dump_ && !owner.dump.empty()) {
    dump_.emplace(owner.dump, owner.uid, most_bytes_);
  }
  const auto read = [&](auto& source) {
    if (const auto result = source->refresh(*owner.root); !result) {
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

std::string_view ProcessCode::find(const CodeOwner& owner, elf::RunAddress address, Complaints& complaints) {
  refresh(owner, complaints);
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
