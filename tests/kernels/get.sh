#!/usr/bin/env bash
# get.sh ARCH SUITE KERNEL: unpacks a Debian kernel into $work/kernels/KERNEL (vmlinuz, modules) and makes its initial RAM
# disk. From 6.19 on image and modules are packages of their own, and the modules of some versions are on no mirror: those
# kernels have virtiofs built in but no overlayfs.
. "$(dirname "$0")/lib.sh"
arch=$1 suite=$2 kernel=$3
to=$work/kernels/$kernel
[ ! -s "$to/initrd.gz" ] || exit 0
rm -rf "$to"
mkdir -p "$to"/{debs,files}
cd "$to/debs"
apt() { "$here/apt.sh" "$arch" "$suite" "$@"; }
[ -s "$work/apt/$arch-$suite/updated" ] || { apt apt-get update -qq && echo yes >"$work/apt/$arch-$suite/updated"; }
get() { apt apt-get download -qq "$@" >/dev/null 2>>"$to/error"; }
about=$(apt apt-cache show "linux-image-$kernel" 2>/dev/null || true)
if grep -q "^Depends:.*linux-binary-$kernel" <<<"$about"; then
  get "linux-binary-$kernel" && { get "linux-modules-$kernel" "linux-base-$kernel" || echo "$kernel: no modules on the mirror" >&2; }
else
  get "linux-image-$kernel"
fi || { reason=$(tail -1 "$to/error"); rm -rf "$to"; die "$kernel is not on the mirror: $reason"; }
for deb in *.deb; do dpkg -x "$deb" "$to/files"; done
cd "$to"
rm -rf debs
image=$(find files -name 'vmlinu*' -type f)
[ -n "$image" ] || die "$kernel: its package holds no kernel image"
cp "$image" vmlinuz
modules=$(find files -type d -path "*lib/modules/$kernel" | head -1)
if [ -n "$modules" ]; then
  [ -f "$modules/modules.dep" ] || { [ -e files/lib ] || ln -s usr/lib files/lib; depmod -b files "$kernel"; }
fi

# The initial RAM disk: busybox, the modules for virtiofs and overlayfs in loading order, and init.sh.
disk=$(mktemp -d)
trap 'rm -rf "$disk"' EXIT
mkdir -p "$disk"/{bin,proc,sys,dev,mods,ro,rw,newroot,out}
case $arch in
  arm64) cp "$("$here/root.sh")/bin/busybox" "$disk/bin/" ;;
  *) cp /bin/busybox "$disk/bin/" ;;
esac
for applet in sh mount umount cat echo mkdir insmod ln sync poweroff chroot ip grep sleep; do ln -s busybox "$disk/bin/$applet"; done
: >"$disk/mods/order"
declare -A added
add() { # FILE: with what it depends on, once
  local file=$1 dependency name
  [ -z "${added[$file]:-}" ] || return 0
  added[$file]=1
  for dependency in $(grep "^$file:" "$modules/modules.dep" | cut -d: -f2); do add "$dependency"; done
  name=$(basename "$file")
  case $name in
    *.xz) name=${name%.xz}; xz -dc "$modules/$file" >"$disk/mods/$name" ;;
    *.zst) name=${name%.zst}; zstd -qdc "$modules/$file" >"$disk/mods/$name" ;;
    *) cp "$modules/$file" "$disk/mods/$name" ;;
  esac
  echo "$name" >>"$disk/mods/order"
}
if [ -n "$modules" ]; then
  for module in virtio_pci virtio_mmio virtiofs overlay virtio_console; do
    file=$(grep -oE "^[^:]*/$module\.ko[^:]*" "$modules/modules.dep" | head -1 || true)
    [ -z "$file" ] || add "$file"
  done
fi
install -m 755 "$here/init.sh" "$disk/init"
(cd "$disk" && find . | cpio -o -H newc --quiet | gzip -1) >"$to/initrd.new"
mv "$to/initrd.new" "$to/initrd.gz"
rm -rf "$to/files"
