#!/usr/bin/env python3
"""What Go's own tools make of a Go program's profile taken by the agent: go_profile.py AGENT GO

go tool pprof -list shows source lines with samples; go build -pgo accepts the profile and inlines a call by it that it
does not inline without.
"""
import os
import re
import subprocess
import sys
import tempfile

# step() costs more than the compiler inlines without a profile (80 nodes), and less than what it inlines where a profile
# says that a call is hot (2,000).
SOURCE = """package main

func step(x, y uint64) uint64 {
%s
	return x
}

func work(rounds int) uint64 {
	sum := uint64(1)
	for i := 0; i < rounds; i++ {
		sum += step(sum, uint64(i)) // the hot call
	}
	return sum
}

func main() {
	sum := uint64(0)
	for i := 0; i < 400; i++ {
		sum += work(1000000)
	}
	if sum == 42 {
		println(sum)
	}
}
""" % "\n".join(f"\tx ^= x<<{i % 13 + 1} + y>>{i % 7 + 1} ^ {i}" for i in range(40))

failures = []


def check(what, good, shown=""):
    print(f"{'ok' if good else 'FAILED'}: {what}")
    if not good:
        print(shown)
        failures.append(what)


def main():
    agent, go = sys.argv[1:3]
    if subprocess.run([go, "--present"], check=False).returncode != 0 or os.geteuid() != 0:
        print("skipped: needs Go, and root to sample")
        return 77
    environment = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-buildvcs=false", GO111MODULE="off")
    with tempfile.TemporaryDirectory() as folder:
        def run(*command):
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
            return done.stdout + done.stderr

        with open(os.path.join(folder, "main.go"), "w", encoding="utf-8") as file:
            file.write(SOURCE)
        plain = run(go, "build", "-gcflags=-m", "-o", "program", "main.go")
        check("without a profile step() is not inlined", "inlining call to step" not in plain, plain)
        run(agent, "record", "-d", "60s", "-F", "499", "--top", "0", "-o", "cpu.pb.gz", "--", "./program")
        # "flat cum line: source" with the line of the call.
        listing = run(go, "tool", "pprof", "-list", "^main.work$", "program", "cpu.pb.gz")
        hot = next((line for line in listing.splitlines() if "the hot call" in line), "")
        check("pprof -list shows the hot line with its samples", re.search(r"\d+m?s\s+\d+:", hot), listing)
        informed = run(go, "build", "-pgo=cpu.pb.gz", "-gcflags=-m", "-o", "informed", "main.go")
        check("go build -pgo inlines the hot call", "inlining call to step" in informed, informed)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
