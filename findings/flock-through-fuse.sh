#!/usr/bin/env bash
# What: a lock that flock(2) takes on a file through a bindfs, mergerfs or unionfs-fuse mount is not seen by
#   whoever locks the same file below the mount, nor the other way round: each side gets its own exclusive
#   lock.
# Versions: bindfs 1.14.7, mergerfs 2.33.5, unionfs-fuse 1.0, flock of util-linux 2.38.1 (Debian 12); needs
#   /dev/fuse
# Guess before running: all three hand the lock on to the file below, being there to pass file operations
#   through.
# Seen: none does. Two processes under the same mount do exclude each other. (bindfs has an option,
#   --enable-lock-forwarding, for use with --multithreaded.)
# Why it matters to somebody who links/copies/launches programs: "who holds a lock on this directory is
#   alive" is true only among those who see it through the same mount. Keep a launcher's state out of such
#   mounts, or always go through one.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
own_mounts
[ -e /dev/fuse ] || skip 'there is no /dev/fuse'
debs bindfs=1.14.7-1 mergerfs=2.33.5-1 unionfs-fuse=1.0-1+b1 libfuse2=2.9.9-6+b1 libfuse3-3=3.14.0-4 \
  util-linux=2.38.1-5+deb12u3
flock=$root/usr/bin/flock
cd "$work"
mkdir below mount
echo lock >below/lock

# Takes the lock by one path; says whether it can be taken by another one meanwhile.
both() {
  # shellcheck disable=SC2016
  "$flock" "$1" bash -c '"$0" -n "$1" true && echo "both have it" || echo excluded' "$flock" "$2"
}

# Mounts, asks from both sides, unmounts.
through() {
  local what=$1
  shift
  with_libs "$@" >log 2>&1 || skip "$what did not mount: $(head -n 1 log)"
  local tries=0
  until [ -e mount/lock ]; do
    [ $((tries += 1)) -lt 100 ] || skip "$what did not show its files"
    sleep 0.1
  done
  seen "$what: held above, asked for below" 'both have it' "$(both mount/lock below/lock)"
  seen "$what: held below, asked for above" 'both have it' "$(both below/lock mount/lock)"
  seen "$what: held above, asked for above" excluded "$(both mount/lock mount/lock)"
  umount mount
}

seen 'no mount' excluded "$(both below/lock below/lock)"
through bindfs "$root/usr/bin/bindfs" "$work/below" "$work/mount"
through mergerfs "$root/usr/bin/mergerfs" "$work/below" "$work/mount"
through unionfs-fuse "$root/usr/bin/unionfs-fuse" "$work/below=RW" "$work/mount"
verdict
