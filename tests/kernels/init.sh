#!/bin/sh
# The emulated machine's init: the host's root read-only under a tmpfs overlay, then /run/out/cmd.sh in it, its exit status
# to /out/status.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do
  insmod "/mods/$module" 2>/dev/null || echo "insmod $module failed"
done </mods/order
mount -t virtiofs -o ro hostroot /ro || echo "no host root"
mount -t virtiofs out /out || echo "no way back for results"
mount -t tmpfs tmpfs /rw
mkdir -p /rw/upper /rw/work
if ! { grep -q overlay /proc/filesystems && mount -t overlay overlay -o lowerdir=/ro,upperdir=/rw/upper,workdir=/rw/work /newroot; }; then
  echo "no overlayfs: read-only root"
  mount --bind /ro /newroot
fi
mount -t proc proc /newroot/proc
mount -t sysfs sys /newroot/sys
mount --bind /dev /newroot/dev
mkdir -p /newroot/dev/shm
mount -t tmpfs shm /newroot/dev/shm
mount -t tmpfs tmp /newroot/tmp
mount -t tmpfs run /newroot/run
mkdir -p /newroot/run/out
mount --bind /out /newroot/run/out
mount -t tracefs tracefs /newroot/sys/kernel/tracing 2>/dev/null
mount -t bpf bpf /newroot/sys/fs/bpf 2>/dev/null
mount -t cgroup2 cgroup /newroot/sys/fs/cgroup 2>/dev/null
ip link set lo up
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8
/bin/busybox chroot /newroot /bin/bash /run/out/cmd.sh </dev/null
status=$?
export PATH=/bin
echo $status >/out/status
sync
poweroff -f
