#!/usr/bin/env python3
"""Writes docs/counters.md from bpf/shared/stats.def; with --check only says whether it is stale."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "bpf/shared/stats.def"
PAGE = ROOT / "docs/counters.md"
STAT = re.compile(r'^STAT\((\w+),\s*(\w+),\s*"([^"]*)"\)', re.MULTILINE)
KINDS = {
    "TAKEN": "Taken: a sample of a wanted process, or one lost before it was known whether it is wanted",
    "DELIVERED": "Delivered: a sample that is in a profile",
    "DROP": "Dropped: a sample that is in no profile",
    "CUT": "Cut: a sample whose user stack ends before a root, as its marker frame says",
    "NOTE": "Notes: worth knowing, no sample is lost",
}


def page() -> str:
    stats = STAT.findall(SOURCE.read_text(encoding="utf-8"))
    unknown = {kind for _, kind, _ in stats} - set(KINDS)
    if not stats or unknown:
        sys.exit(f"{SOURCE.relative_to(ROOT)}: no counters, or kinds this script does not know: {unknown}")
    lines = [
        "# Counters",
        "",
        "Made by `tools/gen_counters.py` from `bpf/shared/stats.def`: change that, then run the script.",
        "`taken = delivered + the sum of all dropped`, exactly.",
    ]
    for kind, title in KINDS.items():
        rows = [f"| `{name}` | {sentence} |" for name, k, sentence in stats if k == kind]
        if rows:
            lines += ["", f"## {title}", "", "| counter | counts |", "|---|---|", *rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            print("docs/counters.md is stale: run tools/gen_counters.py")
            return 1
        return 0
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
