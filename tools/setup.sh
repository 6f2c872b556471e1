#!/usr/bin/env bash
# setup.sh GROUP…: installs the packages of these groups of tools/packages.txt that are not there yet.
# Does nothing, and asks no network, when all are there, nor where there is no dpkg: users of other distributions install
# the equivalents by hand.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

command -v dpkg-query >/dev/null || exit 0

wanted=()
for group; do
  while read -r g package _; do
    [ "$g" != "$group" ] || wanted+=("$package")
  done < <(sed 's/#.*//' tools/packages.txt)
done

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
  awk '$1 == "installed" { print $2 }' || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
# A tool that came from elsewhere serves as well as its package.
keep=()
for package in "${missing[@]}"; do
  case $package in
    golang-go) tools/go.sh --present || keep+=("$package") ;;
    nodejs) command -v node >/dev/null || keep+=("$package") ;;
    chromium) command -v chromium google-chrome >/dev/null || keep+=("$package") ;;
    npm) command -v npm >/dev/null || keep+=("$package") ;;
    *) keep+=("$package") ;;
  esac
done
[ ${#keep[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
  echo "dev: packages are missing: run 'sudo ./dev setup' (or install ${keep[*]})" >&2
  exit 1
fi
echo "dev: installing ${keep[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${keep[@]}" >&2
# What a build directory was configured without may be there now: Go, Python, Node.
rm -f build/*/build.ninja
