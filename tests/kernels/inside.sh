# shellcheck shell=bash
# What runs in each emulated kernel: doctor, then a profile of target whose stacks are checked. Files are in /run/out.
cd /run/out || exit 1
echo "doctor:"
./agent doctor || exit 1
# check TARGET: a line of the folded file is a stack and its nanoseconds. The target's loop has to be found, each stack of
# it whole from _start through main on and without a cut; an emulator is slow and jittery, so how often is compared with a
# wide band (4 s at 97 Hz: up to 390). Some of them were taken in the kernel, in the system call of read_zeros.
# Whether the vDSO answers or asks the kernel depends on the clock that the emulator has; its function may go by either name.
check() {
  ./agent record -d 60s -o "$1.folded" -- "./$1" 4 >table 2>said || { echo "record failed:"; tail -5 said; return 1; }
  grep -a 'taken = ' said
  awk '
    { time = $NF; stack = $0; sub(/ [0-9]+$/, "", stack); total += time }
    stack ~ /;(work|ask_time|read_zeros|level_[123])(;|$)/ || stack ~ /\[cut[^;]*;(__(vdso|kernel)_)?clock_gettime/ {
      loop += time
      whole_here = stack !~ /\[cut/ && stack ~ /;_start;(.*;)?main;level_1(;level_2(;level_3(;(work|ask_time|read_zeros).*)?)?)?(;|$)/
      if (whole_here) whole += time
      if (whole_here && stack ~ /;read_zeros;[^;]+;./) kernel += time
      if (whole_here && stack ~ /clock_gettime;(__(vdso|kernel)_)?clock_gettime/) vdso += time
    }
    END {
      period = 1e9 / 97
      printf "samples %d, in the loop %d, of these whole %d, in a system call %d, in the vDSO %d\n",
        total / period, loop / period, whole / period, kernel / period, vdso / period
      exit !(loop / period >= 40 && loop / period <= 500 && whole >= 0.98 * loop && kernel > 0)
    }' "$1.folded" || { echo "stacks are not as they should be:"; sort -k2 -n "$1.folded" | tail -5; tail -3 said; return 1; }
}
for target in target*; do
  check "$target" || exit 1
done
