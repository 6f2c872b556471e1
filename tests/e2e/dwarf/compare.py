#!/usr/bin/env python3
"""Compares the DWARF reader's frames with llvm-symbolizer's, over one program in every form of debug data.

Every frame's file, line, function and start line must be equal on 99.9 % of addresses inside functions. Where
llvm-symbolizer cannot read a form, the answers must be those of the plain file, all of them:
  dwz -m        it does not follow .gnu_debugaltlink: names come out empty (ours are those of the plain file)
  zlib-gnu      it gives no lines
DWARF 2 has no range lists, so gcc describes the cold part of a function as another, "__second_sect_of_" it, outside
of the unit's range. llvm-symbolizer gives those addresses that name or none, and the same line; we give the
function's name, as in every other version: ours is right.
One past the end of a function and in gaps between functions no function may be named.

STOKER_E2E_FULL=1 takes 10,000 addresses a file and larger programs.
"""
import argparse
import bisect
import json
import os
import random
import subprocess
import sys

import elf_tables
import files

EQUAL = 0.999
NOT_INVENTED = 0.995


def inside(functions, count, seed):
    """First bytes, last bytes and bytes between, of functions picked at random."""
    pick = random.Random(seed)
    addresses = []
    for _ in range(count):
        address, size = pick.choice(functions)
        kind = pick.random()
        offset = 0 if kind < 0.1 else size - 1 if kind < 0.2 else pick.randrange(size)
        addresses.append(address + offset)
    return addresses


def outside(functions, count, seed):
    """Addresses one past the end of functions, and in the gaps behind, that no function covers."""
    starts = [address for address, _ in functions]
    reach = []
    for address, size in functions:
        reach.append(max(address + size, reach[-1] if reach else 0))
    found = []
    for i, end in enumerate(reach[:-1]):
        if end < starts[i + 1]:
            found += [end, (end + starts[i + 1]) // 2]
    random.Random(seed).shuffle(found)
    return [address for address in found[:count] if reach[bisect.bisect_right(starts, address) - 1] <= address]


def our_frames(lookup, case, addresses):
    text = "".join(f"{address:x}\n" for address in addresses)
    run = subprocess.run([lookup, *case.options, case.path], input=text, capture_output=True, text=True, check=True)
    answers, frames = [], []
    for line in run.stdout.splitlines():
        if line:
            linkage_name, name, file, number, start = line.split("\t")
            frames.append((linkage_name or name, file, int(number), int(start)))
        else:
            answers.append(frames)
            frames = []
    return answers


def peer_frames(case, addresses, scratch):
    hidden = os.path.join(scratch, "hidden-" + case.name)
    elf_tables.hide_symbol_tables(case.peer or case.path, hidden)
    command = ["llvm-symbolizer-19", "--obj=" + hidden, "--output-style=JSON", "--inlines", "--no-demangle"]
    text = "".join(f"0x{address:x}\n" for address in addresses)
    run = subprocess.run(command + case.peer_options, input=text, capture_output=True, text=True, check=True)
    os.remove(hidden)
    answers = []
    for line in run.stdout.splitlines():
        frames = json.loads(line).get("Symbol", [])
        frames = [(f["FunctionName"], f["FileName"], f["Line"], f["StartLine"]) for f in frames]
        answers.append([frame for frame in frames if frame[0] or frame[1]])
    return answers


def accept_names(ours, truth):
    """The truth with the function's name for its second part, and with our name where it has a line alone."""
    truth = [[(name.removeprefix("__second_sect_of_"), *rest) for name, *rest in frames] for frames in truth]

    def only_unnamed(mine, frames):
        return len(mine) == len(frames) == 1 and frames[0][0] == "" and mine[0][1:3] == frames[0][1:3]

    return [mine if only_unnamed(mine, frames) else frames for mine, frames in zip(ours, truth)]


def report(name, addresses, ours, truth):
    """The share of equal answers, with the first differences shown."""
    if not len(addresses) == len(ours) == len(truth):
        sys.exit(f"{name}: {len(addresses)} addresses, {len(ours)} and {len(truth)} answers")
    different = [i for i in range(len(addresses)) if ours[i] != truth[i]]
    named = sum(1 for frames in truth if frames)
    lines = sum(1 for a, b in zip(ours, truth) if [f[1:3] for f in a] == [f[1:3] for f in b])
    share = 1 - len(different) / len(addresses)
    print(f"{name:18} {len(addresses):6} addresses, {named:6} described, deepest {max(map(len, truth)):2}: "
          f"lines {lines / len(addresses):8.3%}, all {share:8.3%}")
    for i in different[:2]:
        print(f"  {addresses[i]:x}\n    ours  {ours[i]}\n    truth {truth[i]}")
    if named == 0:
        print("  nothing was described: no comparison")
        return 0
    return share


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lookup", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--only", help="a case's name")
    parser.add_argument("--count", type=int, help="addresses a file")
    options = parser.parse_args()
    if subprocess.run(["which", "llvm-symbolizer-19"], stdout=subprocess.DEVNULL, check=False).returncode != 0:
        print("skipped: llvm-symbolizer-19 is not installed")
        return 77
    full = os.environ.get("STOKER_E2E_FULL", "0") != "0"
    count = options.count or (10000 if full else 1000)
    cases, missing = files.build(options.work, full)

    failed = []
    answers = {}
    wanted = {options.only} | {case.same_as for case in cases if case.name == options.only}
    for case in cases:
        if options.only and case.name not in wanted:
            continue
        functions = elf_tables.functions(case.symbols or case.path)
        addresses = inside(functions, count, seed=1)
        ours = our_frames(options.lookup, case, addresses)
        answers[case.name] = ours
        if case.same_as:
            needed, truth = 1, answers[case.same_as]
        else:
            needed, truth = EQUAL, peer_frames(case, addresses, options.work)
            if case.unnamed_by_peer:
                truth = accept_names(ours, truth)
        if report(case.name, addresses, ours, truth) < needed:
            failed.append(case.name)
        between = outside(functions, count, seed=2)
        if not between:
            continue
        answered = zip(between, our_frames(options.lookup, case, between))
        invented = [address for address, frames in answered if any(frame[0] for frame in frames)]
        if len(invented) > (1 - NOT_INVENTED) * len(between):
            print(f"  {len(invented)} of {len(between)} addresses outside functions are named, as {invented[0]:x}")
            failed.append(case.name + " (outside)")
    if missing:
        print("not compared, for want of: " + ", ".join(missing))
    if failed:
        print("FAILED: " + ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
