#!/usr/bin/env python3
"""Nothing in the tree depends on one machine: no absolute paths of a developer's, no private hosts, and lock files
that name packages but not where they were downloaded."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOST_PATH = re.compile(r"(?<![\w./$}])/(?:work|home/\w+|root)/[\w.]+")
PRIVATE_URL = re.compile(r"https?://(?!127\.|0\.0\.0\.0|10\.(?:88|96)\.)\d+\.\d+\.\d+\.\d+[^\s\"')]*")
LOCKS = {"package-lock.json", "Cargo.lock", "go.sum", "poetry.lock", "Gemfile.lock"}
# Tests and examples speak of made-up hosts and homes.
EXEMPT = ("third_party/", "tests/", "docs/", "tools/check_hygiene.py")


def files() -> list[str]:
    git = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-coz", "--exclude-standard"]
    return [name for name in subprocess.run(git, capture_output=True, text=True, check=True).stdout.split("\0") if name]


def main() -> int:
    count = 0

    def fault(name: str, line: int, text: str) -> None:
        nonlocal count
        count += 1
        print(f"{name}:{line}: {text}")

    for name in files():
        path = ROOT / name
        if not path.is_file() or path.is_symlink():
            continue
        data = path.read_bytes()
        if b"\0" in data[:4096]:
            continue
        lock = path.name in LOCKS
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if lock and re.search(r"""^\s*"resolved":|^source = "(?!registry\+https://github.com/rust-lang/crates.io-index")""", line):
                fault(name, number, "a lock file names no download address")
            if name.startswith(EXEMPT):
                continue
            if found := HOST_PATH.search(line):
                fault(name, number, f"{found.group()} is a path of one machine")
            if found := PRIVATE_URL.search(line):
                fault(name, number, f"{found.group()} is reachable from one machine only")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
