#!/usr/bin/env bash
# Stops the cluster: only processes that up.sh recorded and containers of its containerd. Leaves no mounts, cgroups or settings.
. "$(dirname "$0")/lib.sh"
[ -d "$run/pids" ] || { echo "not up"; exit 0; }
[ ! -s "$run/sysctl" ] || sysctl -q -p "$run/sysctl"
stop -9 kubelet kube-scheduler kube-controller-manager kube-apiserver etcd   # their data goes too
shims=
if alive containerd; then
  ctr() { in_node ctr -n k8s.io "$@" 2>/dev/null || true; }
  for p in $(ctr tasks ls | awk 'NR > 1 && $2 > 0 {print $2}'); do
    s=$(awk '/^PPid/ {print $2}' "/proc/$p/status" 2>/dev/null) && grep -q '^containerd-shim' "/proc/$s/comm" && shims+=" $s"
  done
  for c in $(ctr tasks ls -q); do ctr tasks kill -s KILL "$c"; done
  for _ in 1 2 3; do for c in $(ctr tasks ls -q); do ctr tasks delete -f "$c" >/dev/null; done; done
fi
stop containerd
for s in $shims; do grep -q '^containerd-shim' "/proc/$s/comm" 2>/dev/null && kill -9 "$s" || true; done   # shims outlive containerd by design
stop -9 anchor
for h in /sys/fs/cgroup /sys/fs/cgroup/*; do
  [ -d "$h/kubepods" ] || continue
  while read -r p; do kill -9 "$p" 2>/dev/null || true; done < <(find "$h/kubepods" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u)
  for _ in 1 2 3 4 5; do find "$h/kubepods" -depth -type d -exec rmdir {} + 2>/dev/null && break; sleep 0.2; done
done
[ ! -s "$run/made" ] || tac "$run/made" | xargs -r rmdir 2>/dev/null || true
[ "${1:-}" = --keep ] || rm -rf "$run"
