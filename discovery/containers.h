// Which container or systemd unit a process belongs to, by its cgroup.
#pragma once

#include <string>
#include <string_view>

namespace stoker::discovery {

struct ContainerId {
  std::string
      id;  // 64 hex digits as the runtime prints them (or what the runtime uses instead); "" on the host
  std::string runtime;  // "docker", "containerd", "cri-o", "podman", "garden"…; "" when the path does not say
  std::string pod_uid;  // Kubernetes: "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"; ""
  std::string unit;     // systemd's innermost .service or .scope that is no container: "nginx.service"; ""
  bool operator==(const ContainerId&) const = default;
};

// From the text of /proc/PID/cgroup: v2 ("0::/path"), v1 (a line a controller) and hybrid. Of nested
// containers (Docker in Docker, kind) the innermost. What the text shows depends on who reads it: paths are
// relative to the reader's cgroup namespace. An agent in a pod with hostPID but a cgroup namespace of its own
// (the default on cgroup v2) sees its siblings as
// "/../../kubepods-burstable-pod<uid>.slice/cri-containerd-<id>.scope" - which is read as well - and its own
// container as "/", which has no id. Systemd units of the host appear as "/../../../system.slice/x.service".
ContainerId container_from_cgroup(std::string_view cgroup_text);

// The same from one cgroup path.
ContainerId container_from_path(std::string_view cgroup_path);

}  // namespace stoker::discovery
