#!/bin/sh
# Puts a static busybox into the build folder. Runs on the host, in a copy of this folder.
# Takes: CACHE, a folder that outlives the build.
set -eu
work=$PWD
mkdir -p "$CACHE/busybox"
cd "$CACHE/busybox"
set -- busybox-static_*.deb
if [ ! -f "$1" ]; then
    # A machine that has never asked for the package lists has nothing to download from.
    apt-get -q download busybox-static || { apt-get -q update && apt-get -q download busybox-static; }
    set -- busybox-static_*.deb
fi
dpkg-deb -x "$1" "$work/unpacked"
cd "$work"
mkdir -p root/bin root/etc root/tmp root/data root/www root/root
for place in unpacked/bin/busybox unpacked/usr/bin/busybox; do
    [ -f "$place" ] && cp "$place" root/bin/busybox
done
for applet in $(root/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -sf busybox "root/bin/$applet"
done
chmod 1777 root/tmp
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >root/etc/passwd
printf 'root:x:0:\nnogroup:x:65534:\n' >root/etc/group
rm -rf unpacked
