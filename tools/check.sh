#!/usr/bin/env bash
# check.sh [STEP…]: every step, or the ones named; goes on after a failing one and says at the end which failed.
# Each step prints nothing but what is wrong.
set -uo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." || exit

ours() { git -c safe.directory='*' ls-files -co --exclude-standard -- "$@" | grep -v '^third_party/'; }

step_format() { ours '*.cc' '*.h' | grep -vE '^bpf/vmlinux' | xargs clang-format-19 --dry-run -Werror; }
step_includes() { tools/check_includes.py; }
step_shared() { tools/check_shared.py; }
step_generated() { tools/gen_counters.py --check; }
step_hygiene() { tools/check_hygiene.py; }
step_scripts() {
  { ours '*.sh'; ours dev .ci/run; } | xargs shellcheck -x || return
  ours '*.py' | xargs python3 -c 'import ast, sys; [ast.parse(open(p).read(), p) for p in sys.argv[1:]]'
}
# The sanitizers' builds have the agent's libraries and their tests; what loads BPF needs root and no sanitizer.
step_asan() {
  tools/build.sh asan >build/asan.log 2>&1 || { tail -40 build/asan.log; return 1; }
  # New and delete are paired by the sanitizer's own allocator; a failing allocation shall return, as in production.
  LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0 \
    ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
    ctest --test-dir build/asan -L '^(unit|replay)$' --output-on-failure -j "$(nproc)" --no-tests=error >build/asan.log 2>&1 ||
    { grep -vE '^ *[0-9]+/[0-9]+ Test.*Passed|^ *Start' build/asan.log | tail -80; return 1; }
}
# Only the folders that own threads; the rest of the tests have nothing for TSan to see.
step_tsan() {
  local targets=()
  for folder in base exporters web discovery; do
    compgen -G "tests/unit/$folder/*.cc" >/dev/null && targets+=("${folder}_tests")
  done
  tools/build.sh tsan "${targets[@]}" >build/tsan.log 2>&1 || { tail -40 build/tsan.log; return 1; }
  local target
  for target in "${targets[@]}"; do
    TSAN_OPTIONS=halt_on_error=1 "build/tsan/bin/$target" --gtest_brief=1 >build/tsan.log 2>&1 || { tail -60 build/tsan.log; return 1; }
  done
}
step_tidy() {
  # The release build's commands and generated headers: what ships, and no precompiled header hides an include.
  [ -f build/release/compile_commands.json ] || tools/build.sh release -t targets >build/tidy.log 2>&1
  tools/build.sh release generated >build/tidy.log 2>&1 || { tail -20 build/tidy.log; return 1; }
  tools/tidy.py build/release
}

all=(format includes shared generated hygiene scripts asan tsan tidy)
steps=("$@")
[ $# -gt 0 ] || steps=("${all[@]}")
mkdir -p build
failed=()
for step in "${steps[@]}"; do
  if ! declare -F "step_$step" >/dev/null; then
    echo "dev: no step '$step': ${all[*]}" >&2
    exit 2
  fi
  started=$SECONDS
  if "step_$step"; then
    printf 'ok      %-10s %4d s\n' "$step" $((SECONDS - started))
  else
    printf 'FAILED  %-10s %4d s\n' "$step" $((SECONDS - started))
    failed+=("$step")
  fi
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "check: ${failed[*]} failed; one alone: ./dev check ${failed[0]}"
  exit 1
fi
echo "check: all is well"
