"""perf_depths.py AGENT TARGET…: no stack of the agent's is shallower than perf's with DWARF copies, where perf's is right.

Each target runs twice, under `perf record --call-graph dwarf` and under `agent record`. Of the samples in spin_K() the
number of frames from there to the root is compared, kind by kind. perf is right where its stack ends at a root.
"""
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOTS = ("_start", "clone3", "__clone3", "clone", "__start_context")


def depth_to_root(leaf_first):
    """(kind, frames from spin_kind to the root), or None where the stack is cut or the sample elsewhere."""
    for index, name in enumerate(leaf_first):
        match = re.match(r"spin_(\w+)", name)
        if match:
            return (match[1], len(leaf_first) - index) if leaf_first[-1] in ROOTS else None
    return None


def by_perf(target, directory):
    data = os.path.join(directory, "perf.data")
    command = ["perf", "record", "-q", "-e", "cpu-clock:u", "-F", "499", "--call-graph", "dwarf,32768", "-o", data,
               "--", target, "2"]
    for attempt in range(3):  # perf 6.1 was seen to abort on a busy machine, once
        ended = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if ended.returncode >= 0:
            break
        print(f"perf died by signal {-ended.returncode}, attempt {attempt + 1}: {ended.stderr}")
    ended.check_returncode()
    script = subprocess.run(["perf", "script", "--no-inline", "-F", "ip,sym", "-i", data], check=True,
                            capture_output=True, text=True).stdout
    for sample in script.split("\n\n"):
        frames = [line.split(None, 1) for line in sample.splitlines() if line.strip()]
        yield [frame[1].strip() if len(frame) > 1 else "" for frame in frames], 1


def by_agent(agent, target, directory):
    folded = os.path.join(directory, "agent.folded")
    subprocess.run([agent, "record", "-F", "499", "--top", "0", "--no-kernel", "-o", folded, "--", target, "2"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(folded, encoding="utf-8") as lines:
        for line in lines:
            stack, count = line.rsplit(" ", 1)
            yield list(reversed(stack.split(";")[1:])), int(count)


def depths(stacks):
    counts = collections.defaultdict(collections.Counter)
    for stack, count in stacks:
        found = depth_to_root(stack)
        if found:
            counts[found[0]][found[1]] += count
    return {kind: counter.most_common(1)[0][0] for kind, counter in counts.items()}


def main():
    agent, targets = sys.argv[1], sys.argv[2:]
    if os.geteuid() != 0 or not shutil.which("perf"):
        print("perf_depths: needs root and perf, left out")
        return 77
    failed = 0
    for target in targets:
        with tempfile.TemporaryDirectory() as directory:
            theirs = depths(by_perf(target, directory))
            ours = depths(by_agent(agent, target, directory))
        name = os.path.basename(target)
        if not ours:
            print(f"{name}: no whole stack of ours")
            failed += 1
        for kind in sorted(ours | theirs):
            shallower = ours.get(kind, 0) < theirs.get(kind, 0)
            failed += shallower
            print(f"{name:22} {kind:12} ours {ours.get(kind, 0):3}  perf {theirs.get(kind, 'cut'):>3}"
                  + ("  SHALLOWER" if shallower else ""))
    return 1 if failed else 0


sys.exit(main())
