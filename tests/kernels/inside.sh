# shellcheck shell=bash
# What runs in each emulated kernel: doctor, then a profile of target whose stacks are checked. Files are in /run/out.
cd /run/out || exit 1
echo "doctor:"
./agent doctor
./agent record -d 60s -o target.folded -- ./target 4 >table 2>said || { echo "record failed:"; tail -5 said; exit 1; }
awk '
  { count = $NF; stack = $0; sub(/ [0-9]+$/, "", stack); total += count }
  stack ~ /main;level_1;level_2;level_3(;work)?/ { whole += count }
  END {
    printf "samples %d, %d through main;level_1;level_2;level_3 (%.1f %%)\n", total, whole, total ? 100 * whole / total : 0
    # 4 s of CPU at 97 Hz: about 390. An emulator is slow and jittery, so the band is wide.
    exit !(total >= 100 && total <= 1000 && whole >= 0.9 * total)
  }' target.folded || { echo "stacks are not as they should be:"; sort -k2 -n target.folded | tail -5; tail -3 said; exit 1; }
