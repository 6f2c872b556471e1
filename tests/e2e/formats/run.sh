#!/bin/sh
# run.sh MAKE_SAMPLES WORK_DIRECTORY: writes profiles in all formats and has them read by go tool pprof, the speedscope
# package and Chromium. Needs Go, node with npm, chromium (apt-get install chromium).
# STOKER_NO_GO=1, STOKER_NO_BROWSER=1 leave out what a machine cannot have.
set -eu
make_samples=$1
work=$2
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/local/go/bin

need() {
  command -v "$1" >/dev/null || { echo "formats: $1 is missing; install it, or set $2=1 to leave these checks out" >&2; exit 1; }
}

rm -rf "$work/samples"
mkdir -p "$work/samples"
"$make_samples" "$work/samples"

if [ "${STOKER_NO_GO:-}" != 1 ]; then
  need go STOKER_NO_GO
  need node STOKER_NO_GO
  node "$here/pprof_check.js" "$work/samples"
fi

if [ "${STOKER_NO_BROWSER:-}" != 1 ]; then
  need npm STOKER_NO_BROWSER
  need chromium STOKER_NO_BROWSER
  cp "$here/package.json" "$here/package-lock.json" "$work/"
  if ! cmp -s "$here/package-lock.json" "$work/installed.json"; then
    (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    cp "$here/package-lock.json" "$work/installed.json"
  fi
  export NODE_PATH="$work/node_modules"
  node "$here/speedscope_check.js" "$work/samples"
  node "$here/page_check.js" "$work/samples"
fi
