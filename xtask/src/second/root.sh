# Makes the root file system of Debian 13 with an engine in it.
# Arguments: the folder to make, the packages. The host's own package sources are used, with the release's name changed.
set -eu
root=$1 packages=$2

host=$(. /etc/os-release && echo "$VERSION_CODENAME")
from=/etc/apt/sources.list.d/debian.sources
[ -f "$from" ] || from=/etc/apt/sources.list
sources=$(mktemp --suffix=".${from##*.}")
trap 'rm -f "$sources"' EXIT
sed "s/\b$host\b/trixie/g" "$from" >"$sources"
mmdebstrap --variant=minbase --mode=root --format=directory --include="$packages" \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' trixie "$root" "$sources"
