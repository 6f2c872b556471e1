#!/bin/sh
# CPU seconds and peak memory of whole processes: our look-ups beside llvm-symbolizer's on one list, in one run.
#   bench/dwarf.sh DWARF_LOOKUP FILE [ADDRESSES]
# ADDRESSES (hexadecimal, one a line) are by default 10,000 from inside FILE's functions; the first of them alone is
# the cost of the first answer. Needs GNU time, python3 and llvm-symbolizer-19. Reports, asserts nothing.
set -eu
lookup=$1
file=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests=$(dirname "$0")/../tests/e2e/dwarf

if [ $# -ge 3 ]; then
  cp "$3" "$work/list"
else
  python3 - "$tests" "$file" > "$work/list" <<'LIST'
import sys
sys.path.insert(0, sys.argv[1])
import compare, elf_tables
for address in compare.inside(elf_tables.functions(sys.argv[2]), 10000, 1):
    print(hex(address))
LIST
fi
head -1 "$work/list" > "$work/first"

# measure NAME LIST COMMAND…: the median of three by CPU.
measure() {
  name=$1
  list=$2
  shift 2
  for _ in 1 2 3; do
    /usr/bin/time -o "$work/time" -f '%U %S %M' "$@" < "$list" > /dev/null
    awk '{ print $1 + $2, $3 / 1024 }' "$work/time"
  done | sort -n | sed -n 2p > "$work/$name"
  awk -v name="$name" '{ printf "%-12s %6.2f CPU s %7.1f MiB\n", name, $1, $2 }' "$work/$name"
}
ratio() {
  paste "$work/$1" "$work/$2" | awk -v what="$3" '{ printf "%-12s CPU x %.2f, memory x %.2f\n", what, $1 / ($3 + 1e-9), $2 / $4 }'
}
measure ours-list "$work/list" "$lookup" "$file"
measure llvm-list "$work/list" llvm-symbolizer-19 "--obj=$file" --inlines --no-demangle
measure ours-first "$work/first" "$lookup" "$file"
measure llvm-first "$work/first" llvm-symbolizer-19 "--obj=$file" --inlines --no-demangle
ratio ours-list llvm-list "list"
ratio ours-first llvm-first "first"
