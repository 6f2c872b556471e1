#!/usr/bin/env bash
# bench.sh [REGEX]: builds the release preset and runs bench/*_bench.cc's executables and bench/*.sh, which print figures.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

tools/build.sh release all
for source in bench/*_bench.cc bench/*.sh; do
  name=$(basename "${source%.*}")
  if [ ! -e "$source" ] || [[ ! $name =~ ${1:-.} ]]; then
    continue
  fi
  printf '\n== %s\n' "$name"
  case $source in
    *.cc) "build/release/bin/$name" --benchmark_min_time=0.2 ;;
    *.sh) bash "$source" ;;
  esac
done
