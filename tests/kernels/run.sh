#!/usr/bin/env bash
# run.sh [--all | KERNEL…]: runs the agent in emulated machines with other kernels (kernels.txt), one line each.
# Fetches the kernels it needs from the machine's Debian mirror. Exit status 1 if the agent failed in any.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
root=$(cd "$here/../.." && pwd)
[ "$(id -u)" = 0 ] || die "sharing the root with the emulator needs root: sudo ./dev kernels"
# prepare ARCH, once: builds the agent and the targets for it; files holds them then.
prepare() {
  [ "${prepared:-}" != "$1" ] || return 0
  prepared=$1
  mkdir -p "$work/targets/$1"
  cd "$work/targets/$1"
  local compile=(clang-19 -O2 -fomit-frame-pointer)
  case $1 in
    arm64)
      "$root/tools/build.sh" arm64 agent
      files=("$root/build/arm64/bin/agent")
      compile+=(--target=aarch64-linux-gnu --sysroot="$("$here/root.sh")" -fuse-ld=lld)
      # Return addresses are signed in this one (PAuth).
      "${compile[@]}" -mbranch-protection=standard -o target-signed "$here/target.c"
      ;;
    *)
      "$root/tools/build.sh" release agent
      files=("$root/build/agent")
      ;;
  esac
  "${compile[@]}" -static -o target "$here/target.c"
  files+=("$PWD"/target*)
}

# try KERNEL LOG: up to three times when the machine itself does not come up (status 125): emulated processors at times
# trip over a kernel that patches its code while it boots.
try() {
  local attempt status
  for attempt in 1 2 3; do
    status=0
    "$here/vm.sh" "$1" "$(cat "$here/inside.sh")" "${files[@]}" >"$2" 2>&1 || status=$?
    [ $status = 125 ] || return $status
    echo "         $1 did not come up, attempt $attempt" >&2
    cp "$2" "$2.$attempt"
  done
  return 125
}

failed=0 ran=0
while read -r arch suite kernel first; do
  case $arch in '#'* | '') continue ;; esac
  if [ $# -gt 0 ] && [ "$1" != --all ]; then
    [[ " $* " == *" $kernel "* ]] || continue
  elif [ $# = 0 ] && [ "$first" != first ]; then
    continue
  fi
  "$here/get.sh" "$arch" "$suite" "$kernel" || { printf 'MISSING  %s\n' "$kernel"; continue; }
  prepare "$arch"
  started=$SECONDS
  log=$work/out/$kernel.log
  ran=$((ran + 1))
  if try "$kernel" "$log"; then
    printf 'ok       %-32s %3d s  %s\n' "$kernel" $((SECONDS - started)) "$(grep -a '^samples' "$log" | tr -d '\r' | paste -sd '|')"
    # What doctor says about ways that older kernels need.
    { grep -aE '^(ok|limited) .* (not in this kernel|without)' "$log" || true; } | tr -d '\r' | sed 's/^[a-z]* */         - /'
  else
    printf 'FAILED   %-32s %3d s  see %s\n' "$kernel" $((SECONDS - started)) "$log"
    failed=1
  fi
done <"$here/kernels.txt"
[ $ran -gt 0 ] || die "no kernel was run"
exit $failed
