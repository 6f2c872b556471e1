# shellcheck shell=bash disable=SC2034
# Where things are. $KERNEL_LAB (default ~/.cache/kernel-lab) holds kernels and outputs, about 150 MB a kernel.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=${KERNEL_LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/kernel-lab}
mkdir -p "$work"/{sources,kernels,out}
die() { echo "kernels: $*" >&2; exit 1; }
