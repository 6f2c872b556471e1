#!/usr/bin/env bash
# host.sh [SECONDS] [AGENT]: what the agent costs on this whole host under a mixed load (bench/load/, tests/targets):
# native code 30 and 300 frames deep, Python, Node, Java and Go where they are installed, and one new process of 20 ms
# after the other. Prints figures, asserts nothing. Needs root. Other work on the machine is load as well: compare runs
# of the same hour, and read the medians.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
seconds=${1:-30}
agent=${2:-build/release/bin/agent}
targets=${STOKER_TARGETS:-build/release/bin/targets}
if [ "$(id -u)" != 0 ]; then
  echo "host: needs root, left out"
  exit 0
fi

scratch=$(mktemp -d)
started=()
stats_before=$(cat /proc/sys/kernel/bpf_stats_enabled)
finish() {
  echo "$stats_before" > /proc/sys/kernel/bpf_stats_enabled
  [ ${#started[@]} = 0 ] || kill "${started[@]}" 2> /dev/null || true
  wait 2> /dev/null || true
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM

start() {
  "$@" > /dev/null 2>&1 &
  started+=($!)
}

start "$targets/deep" 30 100000
start "$targets/deep" 300 100000
start bash -c "while :; do '$targets/short_lived' 20; done"
loads="deep 30, deep 300, short_lived"
if command -v python3 > /dev/null; then
  start python3 bench/load/python_load.py
  loads+=", python"
fi
if command -v node > /dev/null; then
  start node bench/load/node_load.js
  loads+=", node"
fi
if command -v java > /dev/null && command -v javac > /dev/null; then
  javac -d "$scratch" bench/load/Load.java && start java -Xmx64m -cp "$scratch" Load && loads+=", java"
fi
if tools/go.sh --present > /dev/null 2>&1; then
  tools/go.sh build -o "$scratch/go_load" bench/load/load.go && start "$scratch/go_load" && loads+=", go"
fi
echo "load: $loads; $(nproc) CPUs; load average $(cut -d' ' -f1 /proc/loadavg)"

# --- the first sample: from exec of the agent to the start of its recording, and to the first sample's delivery
first=()
for _ in 1 2 3 4 5; do
  from=$(date +%s%N)
  "$agent" record --all -d 200ms --top 0 -o "$scratch/first.pb" > /dev/null 2>&1
  # time_nanos is pprof's field 9, a varint.
  at=$(python3 - "$scratch/first.pb" << 'PY'
import sys
data = open(sys.argv[1], "rb").read()
at = 0
def varint():
    global at
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value
while at < len(data):
    key = varint()
    if key & 7 == 2:
        size = varint()
        at += size
    else:
        value = varint()
        if key >> 3 == 9:
            print(value)
PY
  )
  first+=($(((at - from) / 1000000)))
done
mapfile -t first < <(printf '%s\n' "${first[@]}" | sort -n)
echo "from exec of 'agent record --all' to the window's start (ms): median ${first[2]}, of ${first[*]}"

# --- a while of the daemon
echo 1 > /proc/sys/kernel/bpf_stats_enabled
printf 'web:\n  listen: 127.0.0.1:0\n' > "$scratch/agent.yaml"
"$agent" run --config "$scratch/agent.yaml" > "$scratch/agent.log" 2>&1 &
pid=$!
started+=("$pid")
for _ in $(seq 100); do
  grep -q 'sampling at' "$scratch/agent.log" && break
  sleep 0.1
done
ticks=$(getconf CLK_TCK)
cpu() { # of all threads so far, or of those named $1, in seconds
  if [ $# = 0 ]; then
    awk -v t="$ticks" '{sub(/.*\) /, ""); print ($12 + $13) / t}' "/proc/$pid/stat"
  else
    cat /proc/"$pid"/task/*/stat 2> /dev/null |
      awk -v t="$ticks" -v n="($1)" 'index($0, n) {sub(/.*\) /, ""); sum += $12 + $13} END {print sum / t}'
  fi
}
programs() { # run time and count of all programs of the agent
  bpftool prog show name sample_cpu 2> /dev/null |
    awk '{for (i = 1; i < NF; i++) {if ($i == "run_time_ns") t += $(i + 1); if ($i == "run_cnt") c += $(i + 1)}}
      END {print t + 0, c + 0}'
}
sleep 3 # what runs already is read once
cpu_before=$(cpu)
read -r ns_before runs_before < <(programs)
sleep "$seconds"
cpu_after=$(cpu)
read -r ns_after runs_after < <(programs)
memory=$(awk '/^(VmRSS|RssAnon|RssFile|RssShmem|VmHWM):/ {printf "%s %.1f MiB, ", $1, $2 / 1024}' "/proc/$pid/status")

awk -v a="$cpu_before" -v b="$cpu_after" -v s="$seconds" \
  'BEGIN {printf "agent: %.2f CPU seconds a minute (user space)\n", (b - a) * 60 / s}'
echo "per thread, CPU seconds in all: ring $(cpu ring), pipeline $(cpu pipeline), symbols $(cpu symbols), tables $(cpu tables)"
if [ "$runs_after" -gt "$runs_before" ]; then
  awk -v t=$((ns_after - ns_before)) -v c=$((runs_after - runs_before)) -v s="$seconds" \
    'BEGIN {printf "BPF: %.0f ns a run of %d (idle and filtered included), %.2f CPU seconds a minute\n", t / c, c, t / 1e9 * 60 / s}'
fi
echo "memory after $((seconds + 3)) s: ${memory%, }"
kill -INT "$pid"
wait "$pid" || true
grep -E 'samples:' "$scratch/agent.log" || cat "$scratch/agent.log"
awk -v all="$cpu_after" -v n="$(grep -oE '[0-9]+ delivered' "$scratch/agent.log" | cut -d' ' -f1)" \
  'BEGIN {if (n) printf "user space: %.1f us a sample, start and symbols included\n", all * 1e6 / n}'
