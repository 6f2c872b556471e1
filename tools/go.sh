#!/usr/bin/env bash
# go.sh ARGS…: runs a Go that is new enough for the test modules. One on PATH is taken as it is; Debian 12's 1.19 is too
# old and cannot switch by itself, so it fetches a newer toolchain as what it is to the module proxy: a module.
# go.sh --present: whether a Go is installed at all.
set -euo pipefail
need=1.25.0
toolchain=1.25.1

find_go() {
  local candidate
  for candidate in "$(command -v go || true)" /usr/local/go/bin/go; do
    if [ -x "$candidate" ]; then
      echo "$candidate"
      return 0
    fi
  done
  return 1
}

go=$(find_go) || { [ "${1:-}" = --present ] || echo "go.sh: no Go here: sudo ./dev setup" >&2; exit 1; }
[ "${1:-}" != --present ] || exit 0

have=$(GOTOOLCHAIN=local "$go" env GOVERSION | sed 's/^go//; s/ .*//')
if [ "$(printf '%s\n' "$need" "$have" | sort -V | head -1)" = "$need" ]; then
  exec "$go" "$@"
fi

case $(uname -m) in
  x86_64) arch=amd64 ;;
  aarch64) arch=arm64 ;;
  *) echo "go.sh: Go $need or newer is needed and Go $have was found" >&2; exit 1 ;;
esac
root=$("$go" env GOMODCACHE)/golang.org/toolchain@v0.0.1-go$toolchain.linux-$arch
if [ ! -x "$root/bin/go" ]; then
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  echo "go.sh: fetching Go $toolchain (found $have, need $need)" >&2
  (cd "$scratch" && "$go" mod init scratch 2>/dev/null && "$go" mod download "golang.org/toolchain@v0.0.1-go$toolchain.linux-$arch")
  # Module archives keep no execute bits, and the module cache is read-only.
  chmod u+w "$root/bin" "$root"/bin/* "$root"/pkg/tool/*/ "$root"/pkg/tool/*/*
  chmod a+x "$root"/bin/* "$root"/pkg/tool/*/*
fi
export GOROOT=$root PATH=$root/bin:$PATH
exec "$root/bin/go" "$@"
