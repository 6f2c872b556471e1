#!/usr/bin/env bash
# screenshot.sh [URL|FILE.html] [OUT.png]: the picture in README.md, of a running agent's page or of a profile's HTML.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

page=${1:-http://127.0.0.1:4141/}
out=$(realpath -m "${2:-docs/images/flamegraph.png}")
[ ! -f "$page" ] || page=file://$(realpath "$page")
mkdir -p "$(dirname "$out")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Chromium's sandbox does not work as root; the page is our own.
timeout 60 chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$scratch" \
  --window-size="${SIZE:-1400,760}" --virtual-time-budget=8000 --screenshot="$out" "$page" 2>"$scratch/log" ||
  { tail -3 "$scratch/log" >&2; exit 1; }
echo "$out: $(stat -c %s "$out") bytes"
