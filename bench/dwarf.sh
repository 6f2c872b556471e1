#!/bin/sh
# CPU seconds and peak memory of whole processes: our look-ups beside those of others on one list, in one run.
#   bench/dwarf.sh [DWARF_LOOKUP FILE [ADDRESSES]]
# Without FILE: 60 MB of C++ templates at -O2 with DWARF 5, built here (34 copies of tests/e2e/dwarf/programs/templates.cc)
# ADDRESSES (hexadecimal, one a line) are by default 10,000 from inside FILE's functions; the first of them alone is
# the cost of the first answer. `agent` is the same with symbol tables, names and JSON. Needs GNU time, python3 and
# llvm-symbolizer-19; elfutils' and binutils' tools are asked 200 addresses where they are installed, for they take very
# long. Reports, asserts nothing.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests=$root/tests/e2e/dwarf

# Copies of one object can be linked together: all but main() is local to it, or common to all.
build_large() {
  g++ -std=c++17 -O2 -gdwarf-5 -DHEAVY -c "$tests/programs/templates.cc" -o "$work/main.o"
  g++ -std=c++17 -O2 -gdwarf-5 -c "$tests/programs/second.cc" -o "$work/second.o"
  for copy in $(seq 33); do
    objcopy --redefine-sym "main=main_$copy" "$work/main.o" "$work/copy$copy.o"
  done
  g++ -o "$work/large" "$work/main.o" "$work/second.o" "$work"/copy*.o
  rm "$work"/*.o
}

lookup=${1:-$root/build/release/bin/dwarf_lookup}
bin=$(dirname "$lookup")
if [ $# -ge 2 ]; then
  file=$2
else
  build_large
  file=$work/large
fi
printf '%s: %d MB\n' "$(basename "$file")" "$(($(stat -L -c %s "$file") / 1000000))"

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
head -200 "$work/list" > "$work/short"

# measure NAME LIST COMMAND…: the median of three by CPU.
measure() {
  name=$1
  list=$2
  shift 2
  for _ in 1 2 3; do
    /usr/bin/time -o "$work/time" -f '%U %S %M' "$@" < "$list" > /dev/null
    awk '{ print $1 + $2, $3 / 1024 }' "$work/time"
  done | sort -n | sed -n 2p > "$work/$name"
  awk -v name="$name" '{ printf "%-14s %6.2f CPU s %7.1f MiB\n", name, $1, $2 }' "$work/$name"
}
ratio() {
  paste "$work/$1" "$work/$2" | awk -v what="$1 / $2" \
    '{ printf "%-26s CPU x %.2f, memory x %.2f\n", what, $1 / ($3 + 1e-9), $2 / $4 }'
}
# peer NAME LIST COMMAND…: measure, where the command is installed.
peer() {
  if command -v "$3" > /dev/null; then
    measure "$@"
  fi
}
agent() {
  if [ -x "$bin/agent" ]; then
    measure "$1" "$2" "$bin/agent" symbolize --json --demangle none "$file"
    ratio "$1" "$3"
  fi
}
for each in first list; do
  measure "ours-$each" "$work/$each" "$lookup" "$file"
  measure "llvm-$each" "$work/$each" llvm-symbolizer-19 "--obj=$file" --inlines --no-demangle
  ratio "ours-$each" "llvm-$each"
  agent "agent-$each" "$work/$each" "llvm-$each"
done
measure ours-short "$work/short" "$lookup" "$file"
peer elfutils-short "$work/short" eu-addr2line -i -f -e "$file"
peer binutils-short "$work/short" addr2line -i -f -e "$file"
