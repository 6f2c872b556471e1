#include "discovery/containers.h"

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

namespace stoker::discovery {
namespace {

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// 64 hex digits (everybody), or 32 and a number (AWS Fargate's "<task>-<number>").
bool is_id(std::string_view text) {
  if (text.size() == 64) {
    return is_hex(text);
  }
  return text.size() > 33 && is_hex(text.substr(0, 32)) && text[32] == '-' && is_digits(text.substr(33));
}

// "8-4-4-4-12", or what a cloud's garden calls its containers: the same with a fifth group more.
bool is_uuid(std::string_view text) {
  if (text.size() != 36) {
    return false;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) {
      return false;
    }
  }
  return std::ranges::all_of(text, [](char c) { return c == '-' || is_hex({&c, 1}); });
}

struct Prefix {
  std::string_view text;
  std::string_view runtime;
};
// How runtimes name the scopes and directories of their containers.
constexpr std::array kPrefixes = {
    Prefix{"cri-containerd-", "containerd"}, Prefix{"docker-", "docker"}, Prefix{"crio-", "cri-o"},
    Prefix{"libpod-payload-", "podman"},     Prefix{"libpod-", "podman"}, Prefix{"nerdctl-", "containerd"},
};
// Directories whose children are containers.
constexpr std::array kParents = {
    Prefix{"docker", "docker"}, Prefix{"k8s.io", "containerd"},    Prefix{"moby", "docker"},
    Prefix{"garden", "garden"}, Prefix{"libpod_parent", "podman"}, Prefix{"actions_job", "docker"},
    Prefix{"ecs", "docker"},
};

struct Found {
  std::string_view id;
  std::string_view runtime;
};

// "docker-<id>.scope", "crio-<id>", "kubepods-…-pod<uid>.slice:cri-containerd:<id>" (runc given a systemd name
// without systemd), "<id>". A conmon ("crio-conmon-<id>.scope") watches a container from outside.
std::optional<Found> container_of(std::string_view component, std::string_view parent) {
  if (component.ends_with(".scope")) {
    component.remove_suffix(6);
  }
  if (const std::size_t colon = component.rfind(':'); colon != std::string_view::npos) {
    const std::string_view id = component.substr(colon + 1);
    const std::string_view before = component.substr(0, colon);
    const std::string_view name = before.substr(before.rfind(':') + 1);
    if (is_id(id)) {
      return Found{id, name == "cri-containerd" ? "containerd" : name == "crio" ? "cri-o" : name};
    }
    return std::nullopt;
  }
  for (const Prefix& prefix : kPrefixes) {
    if (component.starts_with(prefix.text) && is_id(component.substr(prefix.text.size()))) {
      return Found{component.substr(prefix.text.size()), prefix.runtime};
    }
  }
  for (const Prefix& prefix : kParents) {
    if (parent == prefix.text && (is_id(component) || (prefix.text == "garden" && is_uuid(component)))) {
      return Found{component, prefix.runtime};
    }
  }
  if (is_id(component)) {
    return Found{component, {}};
  }
  constexpr std::string_view kLxc = "lxc.payload.";
  if (component.starts_with(kLxc) && component.size() > kLxc.size()) {
    return Found{component.substr(kLxc.size()), "lxc"};
  }
  if ((parent == "lxc" || parent == "lxc.payload") && !component.empty()) {
    return Found{component, "lxc"};
  }
  return std::nullopt;
}

// "pod<uid>" or "kubepods[-class]-pod<uid, '_' for '-'>.slice". Static pods' uids are 32 hex digits.
std::string pod_of(std::string_view component) {
  component = component.substr(0, component.find(':'));
  if (component.ends_with(".slice")) {
    component.remove_suffix(6);
  }
  const bool systemd = component.starts_with("kubepods") || component.starts_with("kubelet-kubepods");
  if (systemd) {
    const std::size_t pod = component.rfind("-pod");
    if (pod == std::string_view::npos) {
      return {};
    }
    component.remove_prefix(pod + 1);
  }
  if (!component.starts_with("pod")) {
    return {};
  }
  std::string uid(component.substr(3));
  if (systemd) {
    std::ranges::replace(uid, '_', '-');
  }
  return is_uuid(uid) || (uid.size() == 32 && is_hex(uid)) ? uid : std::string{};
}

bool is_unit(std::string_view component) {
  return component.ends_with(".service") || component.ends_with(".scope");
}

}  // namespace

ContainerId container_from_path(std::string_view cgroup_path) {
  std::vector<std::string_view> components;
  for (const auto part : std::views::split(cgroup_path, '/')) {
    if (const std::string_view component(part.begin(), part.end()); !component.empty() && component != "..") {
      components.push_back(component);
    }
  }
  ContainerId result;
  for (std::size_t i = components.size(); i-- > 0;) {
    const std::string_view component = components[i];
    if (result.id.empty()) {
      if (const auto found = container_of(component, i > 0 ? components[i - 1] : std::string_view{})) {
        result.id = found->id;
        result.runtime = found->runtime;
        if (result.pod_uid.empty()) {
          result.pod_uid = pod_of(component);
        }
        continue;
      }
      // init.scope is where systemd puts itself, in a container as well as on a host.
      if (result.unit.empty() && is_unit(component)) {
        result.unit = component;
      }
      continue;
    }
    if (result.pod_uid.empty()) {
      result.pod_uid = pod_of(component);
    }
    if (result.unit.empty() && is_unit(component) && !container_of(component, {})) {
      result.unit = component;
    }
  }
  return result;
}

ContainerId container_from_cgroup(std::string_view cgroup_text) {
  ContainerId best;
  // A line is "hierarchy:controllers:path" (cgroups(7)). Hierarchies may disagree, as a runtime need not use all
  // of them: one that names a container wins, then systemd's own.
  for (const auto part : std::views::split(cgroup_text, '\n')) {
    const std::string_view line(part.begin(), part.end());
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) {
      continue;
    }
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    std::string_view path = line.substr(second + 1);
    // A process may outlive its cgroup.
    if (constexpr std::string_view kDeleted = " (deleted)"; path.ends_with(kDeleted)) {
      path.remove_suffix(kDeleted.size());
    }
    ContainerId found = container_from_path(path);
    if (!found.id.empty()) {
      if (best.id.empty() || (best.pod_uid.empty() && !found.pod_uid.empty())) {
        std::swap(best, found);
      }
    } else if (best.id.empty() && !found.unit.empty() &&
               (best.unit.empty() || controllers == "name=systemd" || controllers.empty())) {
      best = std::move(found);
    }
  }
  return best;
}

}  // namespace stoker::discovery
