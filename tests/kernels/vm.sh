#!/usr/bin/env bash
# vm.sh KERNEL COMMAND [FILE…]: boots KERNEL with this machine's root (arm64: root.sh's) shared read-only and runs COMMAND
# in it, with the files in /run/out. What COMMAND leaves there is in $work/out/KERNEL. Exit status: the command's; 124 when
# $TIMEOUT (default 600 s) is over; 125 when the machine did not come up.
# Software emulation on purpose: /dev/kvm is missing or half-working in many build machines.
# no_timer_check: on a loaded machine the emulated timer is late, and the kernel gives up on it.
. "$(dirname "$0")/lib.sh"
kernel=$1 command=$2
shift 2
out=$work/out/$kernel
rm -rf "$out"
mkdir -p "$out"
printf '%s\n' "$command" >"$out/cmd.sh"
[ $# = 0 ] || cp -L "$@" "$out/"

case $kernel in
  *arm64)
    # All that the emulator has, pointer authentication too; lpa2: kernels before 5.12 do not boot with it. impdef: a
    # cheaper cipher.
    emulator=(qemu-system-aarch64 -M "virt,gic-version=3" -cpu "max,lpa2=off,pauth-impdef=on")
    console=ttyAMA0
    shared_root=$("$here/root.sh")
    ;;
  *)
    emulator=(qemu-system-x86_64 -cpu max)
    console=ttyS0
    shared_root=/
    ;;
esac
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export console shared_root kernel out work scratch MEM=${MEM:-2048}
# A mount namespace of its own: the read-only view of / is virtiofsd's alone and goes with it.
unshare --mount --propagation private bash -euc '
  mkdir "$scratch/ro"
  mount --bind "$shared_root" "$scratch/ro"
  mount -o remount,bind,ro "$scratch/ro"
  virtiofsd=/usr/lib/qemu/virtiofsd
  $virtiofsd --socket-path="$scratch/root.sock" -o source="$scratch/ro" -o cache=always -o sandbox=chroot -o no_posix_lock \
    --thread-pool-size=2 -f >"$scratch/root.log" 2>&1 &
  root=$!
  $virtiofsd --socket-path="$scratch/out.sock" -o source="$out" -o cache=auto -o sandbox=chroot -f >"$scratch/out.log" 2>&1 &
  back=$!
  for _ in $(seq 100); do
    [ -S "$scratch/root.sock" ] && [ -S "$scratch/out.sock" ] && break
    sleep 0.05
  done
  timeout "${TIMEOUT:-600}" "$@" -accel tcg,thread=multi -smp 2 -m "$MEM" \
    -object memory-backend-memfd,id=mem,size="${MEM}M",share=on -numa node,memdev=mem \
    -nographic -no-reboot -nodefaults -serial stdio -monitor none \
    -chardev socket,id=c0,path="$scratch/root.sock" -device vhost-user-fs-pci,chardev=c0,tag=hostroot \
    -chardev socket,id=c1,path="$scratch/out.sock" -device vhost-user-fs-pci,chardev=c1,tag=out \
    -kernel "$work/kernels/$kernel/vmlinuz" -initrd "$work/kernels/$kernel/initrd.gz" \
    -append "console=$console quiet panic=-1 no_timer_check" </dev/null 2>&1 ||
    { [ $? != 124 ] || echo 124 >"$out/status"; }
  kill $root $back 2>/dev/null || true
  wait $root $back 2>/dev/null || true
  umount "$scratch/ro"' bash "${emulator[@]}"
[ -f "$out/status" ] || exit 125
exit "$(cat "$out/status")"
