#!/usr/bin/env bash
# apt.sh ARCH SUITE TOOL ARGS…: apt-get or apt-cache on one Debian suite, from the mirror this machine uses, with a state
# of its own: the machine's package lists stay as they are.
. "$(dirname "$0")/lib.sh"
arch=$1 suite=$2 tool=$3
shift 3
state=$work/apt/$arch-$suite
list=$work/sources/$suite.list
if [ ! -s "$list" ]; then
  uris=$(awk '/^URIs:/ { print $2 }' /etc/apt/sources.list.d/debian.sources)
  mirror=$(head -1 <<<"$uris")
  security=$(tail -1 <<<"$uris")
  key="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
  {
    echo "deb $key $mirror $suite main"
    case $suite in
      bullseye | bookworm | trixie)
        echo "deb $key $mirror $suite-updates main"
        echo "deb $key $security $suite-security main"
        ;;
    esac
  } >"$list"
fi
mkdir -p "$state"/{lists/partial,cache/archives/partial,parts,state}
[ -f "$state/status" ] || : >"$state/status"
exec "$tool" -oAPT::Architecture="$arch" -oAPT::Architectures::="$arch" -oDir::Etc::SourceList="$list" \
  -oDir::Etc::SourceParts="$state/parts" -oDir::Etc::Preferences=/dev/null -oDir::Etc::PreferencesParts="$state/parts" \
  -oDir::State="$state/state" -oDir::State::Lists="$state/lists" -oDir::State::status="$state/status" \
  -oDir::Cache="$state/cache" -oDir::Cache::archives="$state/cache/archives" -oDir::Cache::pkgcache=pkgcache.bin \
  -oDir::Cache::srcpkgcache=srcpkgcache.bin -oAPT::Sandbox::User=root -oAPT::Update::Post-Invoke-Success= \
  -oDPkg::Post-Invoke= -oAcquire::Check-Valid-Until=false "$@"
