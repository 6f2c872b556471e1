#!/usr/bin/env bash
# root.sh: prints the folder of a Debian 12 root for arm64, and makes it first if need be: what cross building takes as its
# sysroot, and what the emulated arm64 machines run in. Packages are unpacked only: none of their scripts is run.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
packages=$here/../../tools/packages.txt
root=$work/roots/arm64
# The libraries that the build wants here, for arm64; and what the scripts in the machine call.
wanted=$(awk '$1 == "build" && $2 ~ /-dev$/ { print $2 } $1 == "arm64" { print $2 }' "$packages" | sort)
if [ "$(cat "$root/packages" 2>/dev/null)" != "$wanted" ]; then
  apt() { "$here/apt.sh" arm64 bookworm apt-get -qq "$@" >&2; }
  debs=$work/apt/arm64-bookworm/cache/archives
  apt update
  rm -f "$debs"/*.deb
  # shellcheck disable=SC2086
  apt install --download-only --no-install-recommends --yes $wanted
  rm -rf "$root" "$root.new"
  # One /usr, as on a merged system: busybox-static's /bin and bash's /usr/bin are the same.
  for folder in bin lib sbin; do
    mkdir -p "$root.new/usr/$folder"
    ln -s "usr/$folder" "$root.new/$folder"
  done
  for deb in "$debs"/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" |
      tar -x --keep-directory-symlink --exclude='./usr/share/doc/*' --exclude='./usr/share/locale/*' -C "$root.new"
  done
  rm -f "$debs"/*.deb
  # Links by absolute name would lead a linker out of the root.
  find "$root.new/usr/lib" -type l -lname '/*' -printf '%p %l\n' | while read -r link target; do
    ln -srf "$root.new$target" "$link"
  done
  ln -sf mawk "$root.new/usr/bin/awk"
  mkdir -p "$root.new"/{dev,proc,sys,tmp,run}
  echo "$wanted" >"$root.new/packages"
  mv "$root.new" "$root"
fi
echo "$root"
