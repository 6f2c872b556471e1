#!/usr/bin/env bash
# Deploys deploy/daemonset.yaml with build/agent to a real single-node Kubernetes (tests/k8s/lab) and checks that it gets
# Ready and sees a busy pod by its container id. On request only: the lab's first build takes a quarter of an hour.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
lab=tests/k8s/lab

fail() { echo "k8s: $*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "the lab needs root: sudo tests/k8s/run.sh"
[ -x build/agent ] || fail "no build/agent: ./dev build"

$lab/setup.sh
trap '$lab/down.sh' EXIT
$lab/up.sh
k() { $lab/in.sh kubectl "$@"; }

scratch=$(mktemp -d)
llvm-strip-19 --strip-debug -o "$scratch/agent" build/agent
$lab/image.sh agent "$scratch/agent" >/dev/null
$lab/image.sh busy /bin/true >/dev/null
rm -rf "$scratch"

k apply -f deploy/daemonset.yaml -f tests/k8s/busy.yaml
k -n stoker rollout status daemonset/agent --timeout=90s || {
  k -n stoker describe pods | tail -30
  k -n stoker logs daemonset/agent --tail=30 || true
  fail "the DaemonSet did not get Ready"
}
k wait --for=condition=Ready pod/busy --timeout=60s
echo "ok   the DaemonSet is Ready"

$lab/in.sh wget -qO- http://127.0.0.1:4141/-/healthy >/dev/null || fail "/-/healthy does not answer on the node's loopback"
$lab/in.sh wget -qO- http://127.0.0.1:4141/metrics | grep -q '^# TYPE' || fail "/metrics is empty"
echo "ok   /-/healthy and /metrics answer on the node's loopback"

id=$(k get pod busy -o 'jsonpath={.status.containerStatuses[0].containerID}')
id=${id##*/}
pod=$(k -n stoker get pods -o 'jsonpath={.items[0].metadata.name}')
folded=$(k -n stoker exec "$pod" -- /bin/sh -c "/agent record --container $id -d 5s -o /tmp/busy.folded >&2 && cat /tmp/busy.folded")
samples=$(awk '{ sum += $NF } END { print sum + 0 }' <<<"$folded")
# 0.2 CPU at 97 Hz for 5 s: about 97.
[ "$samples" -ge 30 ] && [ "$samples" -le 200 ] || fail "$samples samples of container $id; about 97 were expected"
grep -q busybox <<<"$folded" || grep -q '^sh' <<<"$folded" || fail "the busy pod's shell is in no stack: $(head -3 <<<"$folded")"
echo "ok   $samples samples of container ${id:0:12}"
