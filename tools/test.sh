#!/usr/bin/env bash
# test.sh [LEVEL|REGEX]: builds the release preset and runs its tests. Ends with ctest's summary.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

# sudo's PATH may lack the Go that is installed, and Debian's may be too old.
PATH=$(tools/go.sh env GOROOT)/bin:$PATH
export PATH
tools/build.sh release all
what=${1:-}
args=(--test-dir build/release --output-on-failure -j "$(nproc)" --no-tests=error)
case $what in
  unit | replay) args+=(-L "^$what$") ;;
  bpf | e2e)
    [ "$(id -u)" = 0 ] || { echo "dev: the $what tests load BPF programs: sudo ./dev test $what" >&2; exit 1; }
    args+=(-L "^$what$")
    ;;
  *)
    [ -z "$what" ] || args+=(-R "$what")
    if [ "$(id -u)" != 0 ]; then
      echo "dev: running unit and replay tests; bpf and e2e need root: sudo ./dev test"
      args+=(-L '^(unit|replay)$')
    fi
    ;;
esac
exec ctest "${args[@]}"
