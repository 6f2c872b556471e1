#include "discovery/containers.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stoker::discovery {
namespace {

const std::string kId = "7be92808767a667f35c8505cbf40d14e931ef6db5b0210329cf193b15ba9d605";
const std::string kOuter = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
const std::string kPod = "2f5e1f7a-8a7c-4c39-9d35-0a7bb0a7c0de";
const std::string kPodUnderscores = "2f5e1f7a_8a7c_4c39_9d35_0a7bb0a7c0de";

struct Case {
  std::string what;
  std::string text;
  ContainerId expected;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.what;
}

// Forms as the runtimes' sources and documentation give them.
std::vector<Case> cases() {
  return {
      {"docker, cgroup v2, systemd driver",
       "0::/system.slice/docker-" + kId + ".scope\n",
       {kId, "docker", "", ""}},
      {"docker, cgroup v1, cgroupfs driver",
       "12:pids:/docker/" + kId + "\n11:memory:/docker/" + kId + "\n1:name=systemd:/docker/" + kId + "\n",
       {kId, "docker", "", ""}},
      {"docker, hybrid: the unified hierarchy has no container",
       "5:cpu,cpuacct:/docker/" + kId + "\n1:name=systemd:/docker/" + kId +
           "\n0::/system.slice/containerd.service\n",
       {kId, "docker", "", ""}},
      {"containerd, kubepods, systemd driver",
       "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kPodUnderscores +
           ".slice/cri-containerd-" + kId + ".scope\n",
       {kId, "containerd", kPod, ""}},
      {"guaranteed pod, systemd driver: no class in the name",
       "0::/kubepods.slice/kubepods-pod" + kPodUnderscores + ".slice/cri-containerd-" + kId + ".scope\n",
       {kId, "containerd", kPod, ""}},
      {"containerd, kubepods, cgroupfs driver",
       "0::/kubepods/besteffort/pod" + kPod + "/" + kId + "\n",
       {kId, "", kPod, ""}},
      {"containerd without systemd in its name",
       "0::/system.slice/containerd.service/kubepods-besteffort-pod" + kPodUnderscores +
           ".slice:cri-containerd:" + kId + "\n",
       {kId, "containerd", kPod, "containerd.service"}},
      {"static pod: the uid is a hash",
       "0::/kubepods/burstable/pod0123456789abcdef0123456789abcdef/" + kId + "\n",
       {kId, "", "0123456789abcdef0123456789abcdef", ""}},
      {"CRI-O, systemd driver",
       "0::/kubepods.slice/kubepods-pod" + kPodUnderscores + ".slice/crio-" + kId + ".scope\n",
       {kId, "cri-o", kPod, ""}},
      {"CRI-O on v2 puts processes one level deeper",
       "0::/kubepods.slice/kubepods-pod" + kPodUnderscores + ".slice/crio-" + kId + ".scope/container\n",
       {kId, "cri-o", kPod, ""}},
      {"CRI-O, cgroupfs driver",
       "4:memory:/kubepods/besteffort/pod" + kPod + "/crio-" + kId + "\n",
       {kId, "cri-o", kPod, ""}},
      {"CRI-O's monitor is not in the container",
       "0::/system.slice/crio-conmon-" + kId + ".scope\n",
       {"", "", "", "crio-conmon-" + kId + ".scope"}},
      {"podman, root", "0::/machine.slice/libpod-" + kId + ".scope/container\n", {kId, "podman", "", ""}},
      {"podman, rootless",
       "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope\n",
       {kId, "podman", "", "user@1000.service"}},
      {"podman, cgroupfs", "0::/libpod_parent/libpod-" + kId + "\n", {kId, "podman", "", ""}},
      {"podman's monitor is not in the container",
       "0::/machine.slice/libpod-conmon-" + kId + ".scope\n",
       {"", "", "", "libpod-conmon-" + kId + ".scope"}},
      {"kind: a pod within a Docker container is the pod's",
       "0::/system.slice/docker-" + kOuter + ".scope/kubelet/kubepods/burstable/pod" + kPod + "/" + kId +
           "\n",
       {kId, "", kPod, ""}},
      {"kind with systemd: the inner kubelet's slices have a prefix",
       "0::/system.slice/docker-" + kOuter +
           ".scope/kubelet.slice/kubelet-kubepods.slice/"
           "kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" +
           kPodUnderscores + ".slice/cri-containerd-" + kId + ".scope\n",
       {kId, "containerd", kPod, ""}},
      {"docker in docker", "0::/docker/" + kOuter + "/docker/" + kId + "\n", {kId, "docker", "", ""}},
      {"systemd in a container: the container's, with the inner unit",
       "0::/docker/" + kId + "/system.slice/nginx.service\n",
       {kId, "docker", "", "nginx.service"}},
      {"seen from a cgroup namespace of the agent's own",
       "0::/../../kubepods-burstable-pod" + kPodUnderscores + ".slice/cri-containerd-" + kId + ".scope\n",
       {kId, "containerd", kPod, ""}},
      {"the agent's own container seen from its cgroup namespace", "0::/\n", {}},
      {"ECS", "9:memory:/ecs/1a2b3c4d-aaaa-bbbb-cccc-1234567890ab/" + kId + "\n", {kId, "", "", ""}},
      {"Fargate",
       "0::/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890\n",
       {"0123456789abcdef0123456789abcdef-1234567890", "", "", ""}},
      {"garden",
       "7:cpu:/garden/2f5e1f7a-8a7c-4c39-9d35-0a7bb0a7c0de\n",
       {"2f5e1f7a-8a7c-4c39-9d35-0a7bb0a7c0de", "garden", "", ""}},
      {"LXC, v2", "0::/lxc.payload.web1/system.slice/cron.service\n", {"web1", "lxc", "", "cron.service"}},
      {"LXC, v1", "3:cpu:/lxc/web1\n", {"web1", "lxc", "", ""}},
      {"nerdctl", "0::/system.slice/nerdctl-" + kId + ".scope\n", {kId, "containerd", "", ""}},
      {"a service", "0::/system.slice/nginx.service\n", {"", "", "", "nginx.service"}},
      {"a service seen from a container", "0::/../../../system.slice/x.service\n", {"", "", "", "x.service"}},
      {"a user's session",
       "0::/user.slice/user-1000.slice/session-3.scope\n",
       {"", "", "", "session-3.scope"}},
      {"a template's instance",
       "0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n",
       {"", "", "", "postgresql@15-main.service"}},
      {"hybrid host: systemd's hierarchy names the unit",
       "4:cpu:/\n1:name=systemd:/system.slice/cron.service\n0::/system.slice/cron.service\n",
       {"", "", "", "cron.service"}},
      {"a cgroup that was removed meanwhile",
       "0::/system.slice/docker-" + kId + ".scope (deleted)\n",
       {kId, "docker", "", ""}},
      {"63 digits are no id", "0::/docker/" + kId.substr(1) + "\n", {}},
      {"upper case is no id", "0::/docker/" + std::string(64, 'A') + "\n", {}},
      {"nothing", "", {}},
      {"no colons", "garbage\n\n\n", {}},
      {"only colons", ":::\n::\n", {}},
  };
}

class Containers : public testing::TestWithParam<Case> {};

TEST_P(Containers, AreReadFromTheCgroup) {
  const ContainerId found = container_from_cgroup(GetParam().text);
  EXPECT_EQ(found.id, GetParam().expected.id);
  EXPECT_EQ(found.runtime, GetParam().expected.runtime);
  EXPECT_EQ(found.pod_uid, GetParam().expected.pod_uid);
  EXPECT_EQ(found.unit, GetParam().expected.unit);
}

INSTANTIATE_TEST_SUITE_P(Forms, Containers, testing::ValuesIn(cases()), [](const auto& info) {
  std::string name;
  for (const char c : info.param.what) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name;
});

}  // namespace
}  // namespace stoker::discovery
