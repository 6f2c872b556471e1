#!/usr/bin/env python3
"""A layout that the BPF program and user space share has one definition: in bpf/shared/, and nowhere else."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SKIP = {"build", "third_party", ".git", "node_modules"}
DEFINITION = re.compile(r"^[ \t]*(?:typedef\s+)?(?:struct|union|enum|class)\s+(?:class\s+)?(\w+)\s*(?::[^;{]*)?\{", re.MULTILINE)


def definitions(path: pathlib.Path):
    text = path.read_text(encoding="utf-8", errors="replace")
    for match in DEFINITION.finditer(text):
        yield match.group(1), f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start(1)) + 1}"


def main() -> int:
    shared: dict[str, list[str]] = {}
    for path in sorted((ROOT / "bpf/shared").glob("*.h")):
        for name, place in definitions(path):
            shared.setdefault(name, []).append(place)
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if path.suffix not in (".h", ".c", ".cc") or SKIP & set(parts) or parts[:2] == ("bpf", "shared"):
            continue
        for name, place in definitions(path):
            if name in shared:
                shared[name].append(place)
    if not shared:
        print("bpf/shared: no shared type was found; has the folder moved?")
        return 1
    twice = {name: places for name, places in shared.items() if len(places) > 1}
    for name, places in twice.items():
        print(f"{name} is defined more than once: {', '.join(places)}")
    return 1 if twice else 0


if __name__ == "__main__":
    sys.exit(main())
