#!/usr/bin/env python3
"""Enforces who may include whom, and that includes are written from the root: #include "elf/elf_file.h".

Stages never include each other; only agent/ wires. The table is that of docs/architecture.md.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The plain data that every later stage exchanges: these headers, not the whole of profile/.
PROFILE_TYPES = ["profile/profile.h", "profile/intern.h"]

# Folder → prefixes that its files may include, besides its own and third parties.
ALLOWED = {
    "base": [],
    "elf": ["base/"],
    "unwind": ["base/", "elf/", "bpf/shared/"],
    "runtimes": ["base/", "elf/", "discovery/process", "bpf/shared/", *PROFILE_TYPES],
    "symbolize": ["base/", "elf/", *PROFILE_TYPES],
    "profile": ["base/"],
    "discovery": ["base/", "elf/", *PROFILE_TYPES],
    "exporters": ["base/", "profile/"],
    "web": ["base/", "profile/"],
    "config": ["base/"],
    "bpf": [],
    "agent": [""],
    "bench": [""],
    "tests": [""],
}
OURS = tuple(ALLOWED)
# What protoc and bpftool write into the build directory.
GENERATED = re.compile(r"^[a-z_]+\.(pb|skel)\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def limits(path: pathlib.Path) -> tuple[str, list[str]]:
    """The folder a file is judged as: a folder's unit tests may see what the folder sees, and test support."""
    parts = path.relative_to(ROOT).parts
    if parts[:2] == ("tests", "unit") and parts[2] in ALLOWED:
        return parts[2], [*ALLOWED[parts[2]], "tests/"]
    return parts[0], ALLOWED[parts[0]]


def faults(path: pathlib.Path):
    folder, allowed = limits(path)
    text = path.read_text(encoding="utf-8", errors="replace")
    for match in INCLUDE.finditer(text):
        quoted, angled = match.groups()
        line = text.count("\n", 0, match.start(1 if quoted else 2)) + 1
        name = quoted or angled
        if angled:
            if name.split("/")[0] in OURS and (ROOT / name).exists():
                yield line, f'<{name}> is ours: write "{name}"'
            continue
        beside = folder in ("bpf", "tests") or path.is_relative_to(ROOT / "tests")
        places = (path.parent, ROOT / "bpf") if folder == "bpf" else (path.parent,)
        if GENERATED.match(name) or (beside and "/" not in name and any((p / name).exists() for p in places)):
            continue
        if not (ROOT / name).exists():
            yield line, f'"{name}" is not a path from the root of the tree'
        elif not name.startswith((f"{folder}/", *allowed)):
            yield line, f'{folder}/ may not include "{name}"'


def main() -> int:
    count = 0
    for folder in OURS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".h", ".cc", ".c", ".inc"):
                continue
            for line, text in faults(path):
                print(f"{path.relative_to(ROOT)}:{line}: {text}")
                count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
