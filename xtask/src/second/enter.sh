# Turns a folder with a Debian root file system into the world of one dockerd. Runs in fresh mount and network
# namespaces; the process namespace stays the machine's, so that ids of tasks mean the same on both sides.
# Arguments: the root, the folder for its data, the folder for its socket and pidfile, the control group of its tasks.
set -eu
root=$1 data=$2 host=$3 group=$4

mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
# A fresh one: the machine's /sys shows the machine's network.
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/run/simmer" "$root/var/lib/docker" "$root/old"
mount --bind "$host" "$root/run/simmer"
mount --bind "$data" "$root/var/lib/docker"
cd "$root"
# runc refuses to work in a mere chroot.
pivot_root . old
cd /
umount -l /old
PATH=/usr/sbin:/usr/bin:/sbin:/bin
ip link set lo up
exec dockerd --log-level warn --pidfile /run/simmer/dockerd.pid -H unix:///run/simmer/docker.sock \
    --cgroup-parent "$group"
