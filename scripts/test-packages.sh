#!/usr/bin/env bash
# Debian's packages that tests would use and that are not installed here, on one line; nothing where none is missing.
set -u
missing=()
need() { missing+=("$@"); }
command -v cc >/dev/null || need gcc libc6-dev
command -v strace >/dev/null || need strace
command -v spin >/dev/null || [ -x /usr/games/spin ] || need spin gcc libc6-dev
command -v setpriv >/dev/null || need util-linux
command -v dpkg-deb >/dev/null || need dpkg
command -v mkfs.xfs >/dev/null || [ -x /sbin/mkfs.xfs ] || need xfsprogs
command -v mkfs.btrfs >/dev/null || [ -x /sbin/mkfs.btrfs ] || need btrfs-progs
command -v mksquashfs >/dev/null || need squashfs-tools
command -v ntfs-3g >/dev/null || need ntfs-3g
command -v mkfs.exfat >/dev/null || [ -x /sbin/mkfs.exfat ] || need exfatprogs exfat-fuse
command -v pacman >/dev/null || need pacman-package-manager
command -v rpmbuild >/dev/null || need rpm
command -v mandoc >/dev/null || need mandoc
command -v fish >/dev/null || need fish
command -v zsh >/dev/null || need zsh
command -v setfacl >/dev/null || need acl
for fuse in mergerfs gocryptfs bindfs; do command -v "$fuse" >/dev/null || need "$fuse"; done
command -v unionfs-fuse >/dev/null || command -v unionfs >/dev/null || need unionfs-fuse
command -v chromium >/dev/null || need chromium
[ -x /usr/lib/cargo/bin/coreutils/od ] || need rust-coreutils
[ -x /lib/systemd/systemd ] || need systemd dbus
command -v promtool >/dev/null || need prometheus
command -v needrestart >/dev/null || [ -x /usr/sbin/needrestart ] || need needrestart
command -v arm-linux-gnueabihf-gcc >/dev/null || need gcc-arm-linux-gnueabihf libc6-dev-armhf-cross
echo "${missing[*]}"
