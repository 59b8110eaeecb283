#!/bin/sh
# Makes the root file system of a Debian release: from the well-known image where images can be pulled, else with
# mmdebstrap. Takes: SUITE, the release's code name; CACHE, a folder that outlives the build.
set -eu

mkdir apt
# Some networks inspect TLS with a root of their own, which only the host's bundle knows.
cp /etc/ssl/certs/ca-certificates.crt host-ca.crt

image=debian:$SUITE-slim
if timeout 120 docker pull -q "$image" >/dev/null 2>&1; then
    container=$(docker create "$image" true)
    docker export "$container" >rootfs.tar
    docker rm "$container" >/dev/null
    docker rmi "$image" >/dev/null
    exit 0
fi

command -v mmdebstrap >/dev/null || {
    echo "\`$image\` cannot be pulled and mmdebstrap is missing: install it (apt-get install mmdebstrap)" >&2
    exit 1
}
# The host's own package sources, with the release's name in place of the host's: no mirror is named in this repository.
host=$(. /etc/os-release && echo "$VERSION_CODENAME")
from=/etc/apt/sources.list.d/debian.sources
[ -f "$from" ] || from=/etc/apt/sources.list
sources=apt/host.${from##*.}
sed "s/\b$host\b/$SUITE/g" "$from" >"$sources"
mkdir -p "$CACHE/debs-$SUITE"
# usr-is-merged keeps all of Perl out. The policy keeps packages from starting services; without the two binary
# caches of apt an image is half as big.
mmdebstrap --quiet --variant=minbase --mode=root --format=tar \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include=usr-is-merged \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --skip=essential/unlink \
    --setup-hook='mkdir -p "$1"/var/cache/apt/archives' \
    --setup-hook="sync-in '$CACHE/debs-$SUITE' /var/cache/apt/archives/" \
    --customize-hook="sync-out /var/cache/apt/archives '$CACHE/debs-$SUITE'" \
    --customize-hook='rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/cache/apt/*.bin' \
    --customize-hook='printf "#!/bin/sh\nexit 101\n" >"$1"/usr/sbin/policy-rc.d; chmod 755 "$1"/usr/sbin/policy-rc.d' \
    --customize-hook='rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*' \
    "$SUITE" rootfs.tar "$sources"
