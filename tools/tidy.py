#!/usr/bin/env python3
"""Runs clang-tidy on the files of a build directory that changed since they last passed.

usage: tidy.py BUILD_DIR [FILE…]

A file has passed when its own text, that of every header of ours it includes, its compile command and .clang-tidy are
what they were: the cache (BUILD_DIR/../tidy) is one empty file a passed hash. Files that were never built in BUILD_DIR
are read for their includes too, so the build does not have to come first; generated headers do.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


class Texts:
    """Files' bytes and the quoted includes in them, read once."""

    def __init__(self, generated: pathlib.Path):
        self.generated = generated
        self.known: dict[pathlib.Path, tuple[bytes, list[pathlib.Path]]] = {}

    def read(self, path: pathlib.Path) -> tuple[bytes, list[pathlib.Path]]:
        if path not in self.known:
            data = path.read_bytes()
            found = []
            for name in INCLUDE.findall(data):
                for folder in (ROOT, path.parent, self.generated):
                    candidate = folder / name.decode()
                    if candidate.is_file():
                        found.append(candidate)
                        break
            self.known[path] = hashlib.sha256(data).digest(), found
        return self.known[path]

    def closure(self, path: pathlib.Path) -> bytes:
        seen, todo = set(), [path]
        while todo:
            here = todo.pop()
            if here not in seen:
                seen.add(here)
                todo += self.read(here)[1]
        total = hashlib.sha256()
        for here in sorted(seen):
            total.update(self.read(here)[0])
        return total.digest()


def main() -> int:
    build = pathlib.Path(sys.argv[1]).resolve()
    only = {pathlib.Path(name).resolve() for name in sys.argv[2:]}
    cache = build.parent / "tidy"
    cache.mkdir(parents=True, exist_ok=True)
    texts = Texts(build / "generated")
    common = (ROOT / ".clang-tidy").read_bytes()
    common += subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout

    jobs = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"]).resolve()
        inside = path.is_relative_to(ROOT) and not path.is_relative_to(build)
        # Tests and benchmarks compile under -Wall -Werror as all does, and are half of the time that this takes.
        outside = any(path.is_relative_to(ROOT / folder) for folder in ("third_party", "tests", "bench"))
        if not inside or outside or path.suffix != ".cc" or (only and path not in only):
            continue
        command = entry.get("command", "").replace(str(ROOT), "")
        key = hashlib.sha256(common + command.encode() + texts.closure(path)).hexdigest()
        if not (cache / key).exists():
            jobs[path] = key

    def run(path: pathlib.Path) -> tuple[pathlib.Path, int, str]:
        result = subprocess.run([TIDY, "-p", str(build), "--quiet", str(path)], capture_output=True, text=True)
        return path, result.returncode, result.stdout

    started = time.monotonic()
    failed = 0
    seen_lines: set[str] = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, code, out in pool.map(run, jobs):
            if code == 0:
                (cache / jobs[path]).touch()
                continue
            failed += 1
            # A header's finding is reported by every file that includes it: once is enough.
            for block in re.split(r"(?m)^(?=\S+:\d+:\d+: (?:error|warning))", out):
                if block not in seen_lines:
                    seen_lines.add(block)
                    print(block.replace(f"{ROOT}/", ""), end="")
    print(f"clang-tidy: {len(jobs)} files changed, {failed} with findings, {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
