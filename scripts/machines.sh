# Machines of others for tests: roots below FRESH_DIR (default /var/tmp/holdfast-fresh) that are kept for the next time, and
# namespaces to run commands in. Sourced by fresh.sh and arch.sh.
roots=${FRESH_DIR:-/var/tmp/holdfast-fresh}

# What this machine has to reach the network by. Every time: it may be another one by now.
settle_network() { # ROOT
  cp --remove-destination /etc/resolv.conf "$1/etc/resolv.conf"
  mkdir -p "$1/etc/ssl/certs"
  cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"
}

# The last commit, in the directory DIRECTORY/holdfast of ROOT, of DIRECTORY's owner.
lay_checkout() { # ROOT DIRECTORY
  rm -rf "$1$2/holdfast"
  mkdir "$1$2/holdfast"
  git -C "$(dirname "${BASH_SOURCE[0]}")/.." archive HEAD | tar -x -C "$1$2/holdfast"
  chown -R --reference="$1$2" "$1$2/holdfast"
}

# The environment of npm, as words of a shell.
npm_environment() {
  echo "CI=true npm_config_registry=$(npm config get registry) npm_config_cafile=/etc/ssl/certs/ca-certificates.crt"
}

# Runs a command in ROOT, in namespaces of its own: what is mounted or left running goes with them.
inside() { # ROOT WORD...
  unshare --mount --pid --fork --kill-child -- bash -ec "$enter" inside "$@"
}

# The same where ROOT's programs are another processor's. The namespace of users has a binfmt_misc of its own (Linux 6.7), in
# which they are run by qemu: outside of it nothing changes.
inside_foreign() { # PROCESSOR ROOT WORD...
  local pid status=0
  unshare --user --mount --pid --fork --kill-child -- bash -ec '
    until read -r _ </proc/self/uid_map && read -r _ </proc/self/gid_map; do sleep 0.02; done
    exec "$@"' map bash -ec "$register$enter" "$(handler "$1")" "${@:2}" &
  pid=$!
  until [ "$(readlink "/proc/$pid/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.02; done
  echo '0 0 4294967295' >"/proc/$pid/uid_map"
  echo '0 0 4294967295' >"/proc/$pid/gid_map"
  wait "$pid" || status=$?
  return "$status"
}

register='
  mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  printf "%s" "$0" >/proc/sys/fs/binfmt_misc/register
'
enter='
  root=$1
  mount --make-rprivate /
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  mount -t tmpfs -o mode=0755 tmpfs "$root/run"
  exec chroot "$root" "${@:2}"
'

# The line that binfmt_misc takes: ELF images of that class and machine, and the interpreter. `F`: it is opened now, from this
# machine, and not searched for in the root.
handler() { # PROCESSOR
  local class machine
  case $1 in
    aarch64) class=02 machine=b7 ;;
    arm) class=01 machine=28 ;;
  esac
  printf ':%s:M:0:%s:%s:%s:F' "holdfast-$1" \
    "\\x7fELF\\x$class\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x$machine\\x00" \
    '\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff' \
    "$(command -v "qemu-$1-static" || command -v "qemu-$1")"
}
