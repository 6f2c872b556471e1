#!/usr/bin/env bash
# record_arm64.sh RECORD_CASE: records the aarch64 cases under cases/ again, in an emulated machine (tests/kernels), from
# the programs under programs/. RECORD_CASE: bin/record_case of a build with preset arm64 and STOKER_TESTS=ON. Needs
# aarch64-linux-gnu-gcc (gcc-aarch64-linux-gnu), root, and a kernel that `./dev kernels` has fetched: $KERNEL, or the
# newest. Compared with gdb, as named at each case.
# shellcheck source=tests/kernels/lib.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../kernels/lib.sh"
recorder=$(readlink -f "$1")
cd "$here/../replay"
root=$("$here/root.sh")
kernel=${KERNEL:-$(cd "$work/kernels" && printf '%s\n' *arm64 | sort -V | tail -1)}
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT

build() {
  aarch64-linux-gnu-gcc --sysroot="$root" -O2 -fomit-frame-pointer -fno-optimize-sibling-calls -pthread -o "$bin/$1" \
    "programs/$2.c" "${@:3}"
}
for program in recursion alternate_stack coroutine noreturn thread clock; do
  build $program $program
done
build jit jit -fno-omit-frame-pointer
build static recursion -static
build signed recursion -mbranch-protection=standard

inside=$(
  cat <<'INSIDE'
cd /run/out
case_of() { # NAME ABOUT OPTION…
  echo "== $1"
  timeout 120 ./record_case -o "aarch64-$1.case" --about "aarch64: $2" --after 3000 --steps 2000 "${@:3}" </dev/null
}
case_of recursion "forty calls of one function without frame pointers" --leaf bottom -- ./recursion
case_of static "the same in a static program" --leaf bottom -- ./static
case_of pauth "the same with signed return addresses" --leaf bottom -- ./signed
case_of signal-on-alternate-stack "a signal handler on a stack of its own, raised within kill() within qsort's callback" \
  --leaf bottom -- ./alternate_stack
case_of coroutine "a coroutine by makecontext, its root __startcontext" --leaf bottom --longer -- ./coroutine
case_of noreturn "a caller that ends with a call of what never returns" --leaf forever -- ./noreturn
case_of vdso "in the vDSO" --leaf __kernel_clock_gettime -- ./clock
# gdb takes the code of no file for something else.
case_of jit "code of no file, with a frame record at its frame's bottom, between code with tables" --leaf bottom \
  --check none -- ./jit
case_of start-of-ld.so "the dynamic linker's first instructions" --after 0 --longer -- ./recursion
./thread >tid &
sleep 2
case_of thread "a thread, its root in clone" --pid "$(cat tid)"
INSIDE
)
TIMEOUT=1200 "$here/vm.sh" "$kernel" "$inside" "$recorder" "$bin"/* || echo "the last case was not recorded" >&2
cp -v "$work/out/$kernel"/*.case cases/
