#!/bin/sh
# CPU seconds and peak memory of whole processes: our look-ups beside those of others on one list, in one run.
#   bench/dwarf.sh [DWARF_LOOKUP FILE [ADDRESSES]]
# Without FILE: 60 MB of C++ templates at -O2 with DWARF 5, built here (34 copies of tests/e2e/dwarf/programs/templates.cc)
# ADDRESSES (hexadecimal, one a line) are by default 10,000 from inside FILE's functions; the first of them alone is
# the cost of the first answer, with its wall time. `agent` is the same with symbol tables, names and JSON. Needs GNU
# time, python3 and llvm-symbolizer-19. Peers that are installed are asked the same: blazecli (cargo install blazecli) and
# gimli's addr2line (cargo install addr2line --features bin; GIMLI_ADDR2LINE says where, for binutils has that name).
# elfutils' and binutils' tools take very long, and are asked 200 addresses. Reports, asserts nothing.
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
    /usr/bin/time -o "$work/time" -f '%U %S %M %e' "$@" < "$list" > /dev/null
    awk '{ print $1 + $2, $3 / 1024, $4 }' "$work/time"
  done | sort -n | sed -n 2p > "$work/$name"
  awk -v name="$name" '{ printf "%-15s %6.2f CPU s %7.1f MiB %6.2f s of wall time\n", name, $1, $2, $3 }' "$work/$name"
}
ratio() {
  paste "$work/$1" "$work/$2" | awk -v what="$1 / $2" \
    '{ printf "%-30s CPU x %.2f, memory x %.2f\n", what, $1 / ($4 + 1e-9), $2 / $5 }'
}
# peer OURS NAME LIST COMMAND…: where the command is installed, measures it and ours beside it.
peer() {
  ours=$1
  shift
  if command -v "$3" > /dev/null; then
    measure "$@"
    ratio "$ours" "$1"
  else
    echo "$1: skipped, $3 is not installed"
  fi
}
# Its addresses are arguments.
blazecli_list() {
  if command -v blazecli > /dev/null; then
    # shellcheck disable=SC2016 # the inner shell expands these
    measure "$1" "$2" sh -c 'exec blazecli symbolize elf --path "$0" $(cat)' "$file"
    ratio "$3" "$1"
  else
    echo "$1: skipped, blazecli is not installed"
  fi
}

agent=$bin/agent
for each in first list; do
  list=$work/$each
  measure "llvm-$each" "$list" llvm-symbolizer-19 "--obj=$file" --inlines --no-demangle
  measure "ours-$each" "$list" "$lookup" "$file"
  ratio "ours-$each" "llvm-$each"
  whole=ours-$each
  if [ -x "$agent" ]; then
    whole=agent-$each
    measure "$whole" "$list" "$agent" symbolize --json --demangle none "$file"
    ratio "$whole" "llvm-$each"
  fi
  peer "$whole" "gimli-$each" "$list" "${GIMLI_ADDR2LINE:-gimli-addr2line}" -a -f -i -e "$file"
  blazecli_list "blazesym-$each" "$list" "$whole"
done
measure ours-short "$work/short" "$lookup" "$file"
peer ours-short elfutils-short "$work/short" eu-addr2line -i -f -e "$file"
peer ours-short binutils-short "$work/short" addr2line -i -f -e "$file"
