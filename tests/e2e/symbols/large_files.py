#!/usr/bin/env python3
"""Debug files of gigabytes: large_files.py AGENT PROGRAM

PROGRAM is a target (tests/targets/chain.cc) with debug data. It is stripped, and its debug file is one of 2 GB for
`agent symbolize`, which may read what the addresses need and no more, and one of 1 GB for `agent run`, whose sampling
must not notice: no sample is dropped while the symbols thread reads it.
"""
import glob
import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import large_debug_file

MOST_RESIDENT_KIB = 64 << 10
failures = []


def check(what, good, shown=""):
    print(f"{'ok' if good else 'FAILED'}: {what}{' ' if shown else ''}{shown}")
    if not good:
        failures.append(what)


def lay_out(folder, program, size):
    """The stripped program and its debug file, found by name and checked by build id."""
    stripped, debug, small = (os.path.join(folder, name) for name in ("program", "program.debug", "small"))
    subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
    subprocess.run(["objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", program, stripped], check=True)
    os.rename(debug, small)
    large_debug_file.make(small, debug, size)
    return stripped, small


def symbolize(agent, folder, program):
    stripped, small = lay_out(folder, program, 2 << 30)
    symbols = subprocess.run(["nm", "--defined-only", program], capture_output=True, text=True, check=True).stdout
    addresses = [line.split()[0] for line in symbols.splitlines() if " T " in line]

    def answers():
        with tempfile.TemporaryFile("w+") as out:
            with subprocess.Popen([agent, "symbolize", "--json", stripped, *addresses], stdout=out) as run:
                _, run.returncode, usage = os.wait4(run.pid, 0)
            out.seek(0)
            return out.read(), usage.ru_maxrss

    large, resident = answers()
    os.rename(small, os.path.join(folder, "program.debug"))
    check("2 GB: answers are those of the small file", large == answers()[0] and '"chain.cc' in large.replace("/", '"'))
    check("2 GB: it is not read whole", resident < MOST_RESIDENT_KIB, f"{resident >> 10} MiB resident at most")


def record(agent, folder, program):
    if os.geteuid() != 0:
        print("skipped: sampling needs root")
        return
    stripped, _ = lay_out(folder, program, 1 << 30)
    profiles = os.path.join(folder, "profiles")
    os.mkdir(profiles)
    with subprocess.Popen([stripped, "60"], stdout=subprocess.DEVNULL) as busy:
        config = os.path.join(folder, "agent.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"sampling: {{interval: 1s, rate: 999, pids: [{busy.pid}]}}\nweb: {{enabled: false}}\n"
                       f"output: {{directory: {profiles}}}\n")
        with subprocess.Popen([agent, "run", "--config", config], stderr=subprocess.PIPE, text=True) as daemon:
            deadline = time.monotonic() + 60
            while len(glob.glob(os.path.join(profiles, "*"))) < 4 and time.monotonic() < deadline:
                time.sleep(0.2)
            daemon.send_signal(signal.SIGTERM)
            log = daemon.communicate(timeout=60)[1]
        busy.kill()
    counts = re.search(r"(\d+) taken = (\d+) delivered \+ (\d+) dropped", log)
    if not counts:
        check("1 GB: the daemon ends as it should", False, log)
        return
    taken, delivered, dropped = map(int, counts.groups())
    check("1 GB: every sample is delivered", taken > 0 and dropped == 0, f"{delivered} of {taken}")
    newest = max(glob.glob(os.path.join(profiles, "*")), key=os.path.getmtime)
    with gzip.open(newest) as file:
        text = file.read()
    check("1 GB: lines come from the debug file", b"middle()" in text and b"/chain.cc" in text)


def main():
    agent, program = sys.argv[1:3]
    for part in (symbolize, record):
        folder = tempfile.mkdtemp(prefix="stoker-large-")
        try:
            part(agent, folder, program)
        finally:
            shutil.rmtree(folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
