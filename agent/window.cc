#include "agent/window.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace stoker::agent {

void WindowBuilder::begin(WallTime start, MonotonicTime now) {
  window_ = Window{};
  window_.start = start;
  started_ = now;
  cells_.clear();
  process_index_.clear();
  binary_index_.clear();
  thread_index_.clear();
  stack_index_ = profile::HashIndex{};
}

bool WindowBuilder::count(const Key& key) {
  const auto found = cells_.find(key);
  if (found == cells_.end()) {
    return false;
  }
  ++window_.cells[found->second].samples;
  ++window_.samples;
  return true;
}

void WindowBuilder::add(const Key& key, const SampledProcess& process, std::string_view thread_name,
                        std::span<const MappedFrame> frames) {
  const auto [position, is_new] =
      process_index_.try_emplace(process.image, static_cast<std::uint32_t>(window_.processes.size()));
  if (is_new) {
    window_.processes.push_back(process);
  }
  cells_.emplace(key, static_cast<std::uint32_t>(window_.cells.size()));
  window_.cells.push_back({position->second, intern_stack(frames), intern_thread(thread_name), 1});
  ++window_.samples;
}

std::uint32_t WindowBuilder::binary_index(const elf::BinaryPtr& binary) {
  if (binary == nullptr) {
    return MappedFrame::kNoBinary;
  }
  const auto [position, is_new] =
      binary_index_.try_emplace(binary.get(), static_cast<std::uint32_t>(window_.binaries.size()));
  if (is_new) {
    window_.binaries.push_back(binary);
  }
  return position->second;
}

std::uint32_t WindowBuilder::intern_stack(std::span<const MappedFrame> frames) {
  // Field by field: the struct has padding, which is not part of its value.
  std::uint64_t hash = frames.size();
  for (const MappedFrame& frame : frames) {
    const std::uint64_t words[3] = {frame.address,
                                    std::uint64_t{frame.binary} << 8 | static_cast<std::uint64_t>(frame.kind),
                                    static_cast<std::uint64_t>(frame.pid)};
    hash = ::XXH3_64bits_withSeed(words, sizeof(words), hash);
  }
  const auto same = [&](std::uint32_t id) {
    return std::ranges::equal(window_.frames_of(window_.stacks[id - 1]), frames);
  };
  if (const std::uint32_t id = stack_index_.find(hash, same); id != 0) {
    return id - 1;
  }
  window_.stacks.push_back(
      {static_cast<std::uint32_t>(window_.frames.size()), static_cast<std::uint32_t>(frames.size())});
  window_.frames.insert(window_.frames.end(), frames.begin(), frames.end());
  stack_index_.insert(hash, static_cast<std::uint32_t>(window_.stacks.size()));
  return static_cast<std::uint32_t>(window_.stacks.size() - 1);
}

std::uint32_t WindowBuilder::intern_thread(std::string_view name) {
  const auto [position, is_new] =
      thread_index_.try_emplace(std::string(name), static_cast<std::uint32_t>(window_.thread_names.size()));
  if (is_new) {
    window_.thread_names.emplace_back(name);
  }
  return position->second;
}

bool WindowBuilder::has_code_owner(pid_t pid, std::uint64_t image) const {
  const auto known = window_.code_owners.find(pid);
  return known != window_.code_owners.end() && known->second.image == image;
}

void WindowBuilder::add_code_owner(symbolize::CodeOwner owner) {
  if (window_.code_owners.size() >= kMostRoots) {
    owner.root.reset();
  }
  const pid_t pid = owner.pid;
  window_.code_owners.insert_or_assign(pid, std::move(owner));
}

void WindowBuilder::found_dump(pid_t pid, const std::string& path) {
  if (const auto owner = window_.code_owners.find(pid); owner != window_.code_owners.end()) {
    owner->second.dump = path;
  }
}

void WindowBuilder::add_kernel_code(KernelCode code) {
  if (window_.kernel_code.size() < kMostKernelCode) {
    window_.kernel_code.push_back(std::move(code));
  }
}

Window WindowBuilder::cut(WallTime now_wall, MonotonicTime now) {
  window_.duration = Nanoseconds{static_cast<std::int64_t>(now.ns - started_.ns)};
  Window done = std::move(window_);
  begin(now_wall, now);
  return done;
}

}  // namespace stoker::agent
