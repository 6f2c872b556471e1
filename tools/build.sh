#!/usr/bin/env bash
# build.sh [PRESET] [TARGET…]: configures build/PRESET once, builds it, and for release leaves the agent at build/agent.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

preset=${1:-release}
[ $# = 0 ] || shift
case $preset in
  release | debug | asan | tsan | fuzz) more=() ;;
  arm64) more=(-D CMAKE_SYSROOT="$(tests/kernels/root.sh)") ;;
  *)
    echo "dev: no preset '$preset': release, debug, asan, tsan, fuzz or arm64" >&2
    exit 2
    ;;
esac
if [ ! -f "build/$preset/build.ninja" ]; then
  mkdir -p build
  cmake --preset "$preset" "${more[@]}" >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }
fi
ninja -C "build/$preset" "$@"

if [ "$preset" = release ] && [ build/release/bin/agent -nt build/agent ]; then
  # Aside and renamed: an agent that is running keeps its file.
  cp -p build/release/bin/agent build/.agent.new
  mv -f build/.agent.new build/agent
fi
