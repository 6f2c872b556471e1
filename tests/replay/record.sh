#!/usr/bin/env bash
# record.sh RECORD_CASE [NAME…]: records the cases under cases/ again, or those named, from the programs under programs/
# and a few that are installed. Needs gcc, go, rustc, musl-gcc, openssl, gdb and the right to ptrace. Look at what is
# printed: the tool that a stack is compared with is named at each case.
set -uo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" || exit
recorder=$(readlink -f "$1")
shift
wanted=" $* "
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT

build() { gcc -O2 -fomit-frame-pointer -fno-optimize-sibling-calls -pthread -o "$bin/$1" "programs/$2.c" "${@:3}"; }
case_of() { # NAME ABOUT OPTION…
  [[ $wanted == "  " || $wanted == *" $1 "* ]] || return 0
  echo "== $1"
  timeout 120 "$recorder" -o "cases/$1.case" --about "$2" "${@:3}" </dev/null
}

for program in recursion realigned alternate_stack jump coroutine noreturn thread clock jit; do
  build $program $program
done
build plt plt -Wl,-z,lazy -fcf-protection=none
build static_pie recursion -static-pie
build static recursion -static
musl-gcc -O2 -fomit-frame-pointer -static -o "$bin/musl" programs/recursion.c
rustc -O -o "$bin/panic" programs/panic.rs
go build -o "$bin/leaf" programs/leaf.go

case_of recursion "Forty calls of one function without frame pointers" -- "$bin/recursion"
case_of static-pie "The same in a static-pie program" -- "$bin/static_pie"
case_of static "The same in a static program, which has no .eh_frame_hdr" -- "$bin/static"
case_of musl "The same on musl, which is built without unwind information: the stack is cut there" --longer -- "$bin/musl"
case_of realigned "GCC's realigned frame (its CFA lies in memory) above one of variable size" --rule 11 -- "$bin/realigned"
case_of realigned-prologue "The prologue of a realigned frame, whose CFA is in r10" --after 0 --steps 400000 --leaf-rule 12 \
  -- "$bin/realigned"
case_of signal-on-alternate-stack "A signal handler on a stack of its own, raised within kill() within qsort's callback" \
  --leaf bottom -- "$bin/alternate_stack"
case_of longjmp "Within longjmp, where the caller comes from registers" --leaf-rule 17 -- "$bin/jump"
case_of coroutine "A coroutine by makecontext, its root __start_context" --leaf bottom --longer -- "$bin/coroutine"
case_of noreturn "A caller that ends with a call of what never returns" --leaf forever -- "$bin/noreturn"
case_of vdso "In the vDSO" --leaf clock_gettime -- "$bin/clock"
case_of jit "Code of no file, with frame pointers, between code with tables" --leaf bottom --longer -- "$bin/jit"
case_of plt-stub "In a lazily bound PLT stub, behind its push" --after 0 --frame first_calls --leaf-rule 16 --steps 400000 \
  -- "$bin/plt"
case_of lazy-binding "The dynamic linker binds a function at its first call" --after 0 --frame first_calls --rule 8 \
  --steps 400000 -- "$bin/plt"
case_of start-of-ld.so "The dynamic linker's first instructions" --after 0 --longer -- "$bin/plt"
case_of go-leaf "A Go leaf without a frame on its goroutine's stack" --leaf main.leaf --longer -- "$bin/leaf"
case_of rust-panic "A Rust panic being unwound" --leaf _Unwind_RaiseException --longer -- "$bin/panic"
case_of libcrypto-cfa-at-rsp "SHA-512 in libcrypto, whose CFA lies at an offset of rsp" --after 1000 --leaf-rule 13 --longer \
  -- openssl speed -seconds 20 -bytes 16384 sha512
case_of libcrypto-cfa-at-rsp-r9 "RSA in libcrypto, whose CFA lies at rsp + 8 * r9" --after 1000 --leaf-rule 15 --longer \
  -- openssl speed -seconds 20 rsa1024
"$bin/thread" >"$bin/tid" &
sleep 0.5
case_of thread "A thread, its root clone3" --pid "$(cat "$bin/tid")"
kill "$!"
