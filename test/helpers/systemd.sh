#!/bin/bash
# A real systemd in a root of its own: an overlay over /, in namespaces of its own, with no units but those given. What
# it writes is in memory and gone with it; of the machine it can only read. As root.
#
#     systemd.sh DIR PATH…   boots DIR/units (test.target), with DIR at /run/test;
#                            PATH… are seen also where they are on other file systems than /;
#                            DIR/prepare, a shell script, runs in the new root before it
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  self=$(readlink -f "$0")
  # A control group of our own to be the root of all that systemd makes. A machine that does not end by itself ends with
  # us: the kernel kills its first process.
  exec unshare --mount --propagation private bash -euo pipefail -c '
    mkdir -p "$2/cgroup"
    mount -t cgroup2 cgroup2 "$2/cgroup"
    group=$2/cgroup/holdfast-test-$$
    mkdir "$group"
    (
      echo "$BASHPID" >"$group/cgroup.procs"
      exec setpriv --pdeathsig=KILL unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup bash "$1" --inside "${@:2}"
    ) || true
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
      sleep 0.1
    done' bash "$self" "$@"
fi

dir=$2
shift 2
mkdir -p "$dir/memory"
mount -t tmpfs tmpfs "$dir/memory"
mkdir "$dir/memory/"{upper,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/memory/upper,workdir=$dir/memory/work" "$dir/memory/root"
cd "$dir/memory/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm run/test
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount --bind "$dir" run/test
for path; do
  [ ! -e "./$path" ] || continue
  mkdir -p "./$path"
  mount --bind -o ro "$path" "./$path"
done
mkdir old
pivot_root . old
umount -l /old
bash -euo pipefail /run/test/prepare
mount -t tmpfs -o mode=755 tmpfs etc/systemd/system
mkdir -p run/systemd/system
export container=other SYSTEMD_UNIT_PATH=/run/test/units:/etc/systemd/system:/run/systemd/system SYSTEMD_GENERATOR_PATH=/nowhere SYSTEMD_LOG_TARGET=console
exec /lib/systemd/systemd --system --unit=test.target --default-standard-output=null --show-status=no \
  </dev/null >/run/test/manager.log 2>&1
