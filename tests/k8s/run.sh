#!/usr/bin/env bash
# Deploys deploy/daemonset.yaml with build/agent to a real single-node Kubernetes (tests/k8s/lab) and checks that it gets
# Ready and sees a busy pod by its container id. On request only: the lab's first build takes a quarter of an hour.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
lab=tests/k8s/lab

fail() { echo "k8s: $*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "the lab needs root: sudo tests/k8s/run.sh"
[ -x build/agent ] || fail "no build/agent: ./dev build"
command -v debootstrap >/dev/null || fail "the image needs debootstrap: apt-get install debootstrap"
export K8S_LAB=${K8S_LAB:-/var/tmp/k8s-lab}

k() { $lab/in.sh kubectl "$@"; }
scratch=$(mktemp -d)
stopped() { # STATUS
  if [ "$1" != 0 ]; then
    k -n stoker describe pods | tail -30
    k -n stoker logs daemonset/agent --previous --tail=20 2>/dev/null
    k -n stoker logs daemonset/agent --tail=20
  fi
  $lab/down.sh
  rm -rf "$scratch"
}

$lab/setup.sh
trap 'stopped $?' EXIT
$lab/up.sh

# The image's content is what deploy/Dockerfile's last stage has: a small Debian 12, the packages it names, the agent.
base=$K8S_LAB/debian-12
if [ ! -e "$base/.done" ]; then
  packages=$(sed -n 's/^RUN apt-get .*--no-install-recommends \([a-z0-9. -]*[a-z0-9]\) *&&.*/\1/p' deploy/Dockerfile)
  [ -n "$packages" ] || fail "deploy/Dockerfile: cannot tell which packages its last stage installs"
  rm -rf "$base"
  mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
  debootstrap --variant=minbase --include="${packages// /,}" bookworm "$base" ${mirror:+"$mirror"} >"$K8S_LAB/debootstrap.log" ||
    fail "debootstrap failed; see $K8S_LAB/debootstrap.log"
  rm -rf "$base"/var/cache/apt/archives/*.deb "$base"/var/lib/apt/lists/*
  touch "$base/.done"
fi
cp -a "$base" "$scratch/root"
llvm-strip-19 --strip-debug -o "$scratch/root/agent" build/agent
chmod 755 "$scratch/root/agent"
chroot "$scratch/root" /agent version || fail "the agent does not run in the image's root file system"
echo "ok   the agent runs in the image's root file system"
$lab/image.sh agent "$scratch/root" >/dev/null
$lab/image.sh busy /bin/true >/dev/null

k apply -f deploy/daemonset.yaml -f tests/k8s/busy.yaml
k -n stoker rollout status daemonset/agent --timeout=180s || fail "the DaemonSet did not get Ready"
k wait --for=condition=Ready pod/busy --timeout=60s
echo "ok   the DaemonSet is Ready"

get() { $lab/in.sh curl -sf "http://127.0.0.1:4141$1"; }
get /-/healthy >/dev/null || fail "/-/healthy does not answer on the node's loopback"
grep -q '^# TYPE' <<<"$(get /metrics)" || fail "/metrics is empty"
echo "ok   /-/healthy and /metrics answer on the node's loopback"

id=$(k get pod busy -o 'jsonpath={.status.containerStatuses[0].containerID}')
id=${id##*/}
pod=$(k -n stoker get pods -o 'jsonpath={.items[0].metadata.name}')
folded=$(k -n stoker exec "$pod" -- /bin/sh -c "/agent record --container $id --top 0 -d 10s -o /tmp/busy.folded >&2 && cat /tmp/busy.folded")
# Folded stacks count nanoseconds; 0.2 CPU at 97 Hz for 10 s: about 194 samples, fewer on a node that is overloaded.
samples=$(awk '{ ns += $NF } END { printf "%d", ns * 97 / 1e9 }' <<<"$folded")
[ "$samples" -ge 10 ] && [ "$samples" -le 300 ] || fail "$samples samples of container $id; about 194 were expected"
grep -q busybox <<<"$folded" || grep -q '^sh' <<<"$folded" || fail "the busy pod's shell is in no stack: $(head -3 <<<"$folded")"
echo "ok   $samples samples of container ${id:0:12}"

# The daemon's own windows close every 15 s.
labelled() { get /api/profile.pb.gz | zcat >"$scratch/host.pb" && grep -qaF "$id" "$scratch/host.pb"; }
for _ in $(seq 30); do
  labelled && break
  sleep 2
done
labelled || fail "no profile of the daemon has container $id as a label"
echo "ok   the daemon's profile has the container's id as a label"
k -n stoker get pods
