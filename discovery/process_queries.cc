// What else is known of a process, read when asked for.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ranges>
#include <unordered_set>
#include <utility>

#include "base/mapped_file.h"
#include "discovery/processes.h"

namespace stoker::discovery {
namespace {

constexpr std::size_t kMostText = 1 << 20;
constexpr int kMostGenerations = 16;

}  // namespace

const ContainerId& ProcessTable::container(Process& process) {
  static const ContainerId none;
  if (process.container != nullptr) {
    return *process.container;
  }
  process.container = read_container(process);
  if (process.container == nullptr) {
    process.container = process.inherited_container;
  }
  // Gone before it was asked for: its nearest living ancestor is most likely in the same one.
  const Process* ancestor = &process;
  for (int i = 0; process.container == nullptr && i < kMostGenerations; ++i) {
    ancestor = find(ancestor->parent);
    if (ancestor == nullptr) {
      return none;
    }
    process.container = ancestor->container != nullptr ? ancestor->container : read_container(*ancestor);
  }
  return process.container != nullptr ? *process.container : none;
}

std::shared_ptr<const ContainerId> ProcessTable::read_container(const Process& process) {
  if (process.exited) {
    return nullptr;
  }
  auto text = read_file(directory_of(process) + "/cgroup", kMostText);
  if (!text) {
    return nullptr;
  }
  const auto entry = containers_.try_emplace(*std::move(text)).first;
  auto container = entry->second.lock();
  if (container == nullptr) {
    container = std::make_shared<const ContainerId>(container_from_cgroup(entry->first));
    entry->second = container;
  }
  return container;
}

std::string ProcessTable::exe(const Process& process) {
  if (!process.exited) {
    std::array<char, 4096> target;
    const ssize_t size = ::readlink((directory_of(process) + "/exe").c_str(), target.data(), target.size());
    if (size > 0) {
      std::string path(target.data(), static_cast<std::size_t>(size));
      constexpr std::string_view kDeleted = " (deleted)";
      if (path.ends_with(kDeleted)) {
        path.resize(path.size() - kDeleted.size());
      }
      return path;
    }
  }
  return files_.at(process.first_file).path;
}

std::string ProcessTable::cmdline(const Process& process) {
  if (process.exited) {
    return {};
  }
  auto text = read_file(directory_of(process) + "/cmdline", kMostText);
  if (!text) {
    return {};
  }
  while (!text->empty() && text->back() == '\0') {
    text->pop_back();
  }
  std::ranges::replace(*text, '\0', ' ');
  return *std::move(text);
}

std::optional<uid_t> ProcessTable::uid(const Process& process) {
  if (process.exited) {
    return std::nullopt;
  }
  const auto text = read_file(directory_of(process) + "/status", kMostText);
  if (!text) {
    return std::nullopt;
  }
  // "Uid:\treal\teffective\tsaved\tfs" (proc(5)): the effective one says what the process may do.
  constexpr std::string_view kKey = "\nUid:\t";
  const std::size_t line = text->find(kKey);
  if (line == std::string::npos) {
    return std::nullopt;
  }
  const std::size_t effective = text->find('\t', line + kKey.size());
  uid_t uid = 0;
  if (effective == std::string::npos ||
      std::from_chars(text->data() + effective + 1, text->data() + text->size(), uid).ec != std::errc{}) {
    return std::nullopt;
  }
  return uid;
}

std::vector<pid_t> ProcessTable::children_of(pid_t pid) const {
  std::vector<pid_t> children;
  for (const auto& process : processes_ | std::views::values) {
    if (process->parent == pid && !process->exited) {
      children.push_back(process->pid);
    }
  }
  std::ranges::sort(children);
  return children;
}

std::vector<pid_t> ProcessTable::descendants_of(pid_t pid) const {
  const Process* const root = find(pid);
  if (root == nullptr) {
    return {};
  }
  std::unordered_map<pid_t, std::vector<pid_t>> children;
  for (const auto& process : processes_ | std::views::values) {
    if (!process->exited) {
      children[process->parent].push_back(process->pid);
    }
  }
  // A set as well: /proc read while processes come and go may show a circle.
  std::unordered_set<pid_t> seen{pid};
  std::vector<pid_t> found{pid};
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const pid_t child : children[found[i]]) {
      if (seen.insert(child).second) {
        found.push_back(child);
      }
    }
  }
  std::ranges::sort(found);
  return found;
}

std::vector<pid_t> ProcessTable::find_by_comm(const std::function<bool(std::string_view)>& matches) const {
  std::vector<pid_t> found;
  for (const auto& process : processes_ | std::views::values) {
    if (!process->kernel_thread && !process->exited && matches(process->comm)) {
      found.push_back(process->pid);
    }
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace stoker::discovery
