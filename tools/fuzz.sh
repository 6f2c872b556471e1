#!/usr/bin/env bash
# fuzz.sh [TARGET] [SECONDS]: runs libFuzzer targets on copies of their corpora, so that the tree's stay small. An input
# that crashes is left in build/fuzz/found/TARGET.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

target=
seconds=60
for word; do
  if [[ $word =~ ^[0-9]+$ ]]; then seconds=$word; else target=${word%_fuzz}; fi
done

found=0
for source in tests/fuzz/*_fuzz.cc; do
  name=$(basename "$source" _fuzz.cc)
  if [ ! -e "$source" ] || [ "${target:-$name}" != "$name" ]; then
    continue
  fi
  found=1
  tools/build.sh fuzz "${name}_fuzz"
  work=build/fuzz/corpus/$name
  mkdir -p "$work" "build/fuzz/found/$name"
  printf '\n== %s, %s s\n' "$name" "$seconds"
  seeds=()
  [ ! -d "tests/fuzz/corpus/$name" ] || seeds=("tests/fuzz/corpus/$name")
  "build/fuzz/bin/${name}_fuzz" "$work" "${seeds[@]}" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix="build/fuzz/found/$name/"
done
[ $found = 1 ] || { echo "dev: no fuzz target '$target' in tests/fuzz" >&2; exit 2; }
