# shellcheck shell=bash
# What every finding needs: a temporary folder, public packages at one exact version each in it, a verdict.
# Sourced by the scripts beside this folder. Nothing is installed on the machine; the folder goes at the end.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
umask 022

work=$(mktemp -d)
root=$work/root
changed=0
mkdir "$root"

# Ends what the script still has running, unmounts what it mounted at $work/mount, and takes the folder away.
clean_up() {
  local running
  running=$(jobs -p)
  # shellcheck disable=SC2086
  [ -z "$running" ] || kill $running 2>/dev/null || true
  while mountpoint -q "$work/mount" && umount "$work/mount"; do :; done
  rm -rf --one-file-system -- "$work"
}
trap clean_up EXIT

# Says why the finding cannot be tried here.
skip() {
  echo "cannot run here: $*"
  exit 77
}

[ "$(id -u)" = 0 ] || skip 'it needs root'

# Starts the script again in a mount namespace of its own, once.
own_mounts() {
  [ -z "${OWN_MOUNTS:-}" ] || return 0
  unshare --mount --propagation private true 2>/dev/null || skip 'it needs a mount namespace of its own'
  clean_up
  exec env OWN_MOUNTS=1 unshare --mount --propagation private "$0"
}

# Unpacks Debian packages, given as name=version, below $root. Package lists that are missing or old are
# fetched into the temporary folder.
debs() {
  command -v apt-get >/dev/null || skip 'it needs apt-get'
  [ "$(dpkg --print-architecture)" = amd64 ] || skip 'it needs amd64, as the pinned packages do'
  mkdir "$work/debs"
  local apt=(apt-get -qq -o APT::Sandbox::User=root)
  if ! (cd "$work/debs" && "${apt[@]}" download "$@") >/dev/null 2>&1; then
    mkdir -p "$work/lists/partial"
    apt+=(-o "Dir::State::Lists=$work/lists")
    "${apt[@]}" update >/dev/null 2>&1 || true
    (cd "$work/debs" && "${apt[@]}" download "$@") >/dev/null 2>"$work/apt" ||
      skip "Debian 12 (bookworm) must be among apt's sources, with $*: $(head -n 1 "$work/apt")"
  fi
  local deb
  for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$root"; done
  echo "packages: $*"
}

# Installs npm packages, given as name@version, below $work/npm.
npms() {
  command -v npm >/dev/null || skip 'it needs node and npm'
  mkdir "$work/npm"
  local install=(npm install --silent --no-audit --no-fund --ignore-scripts "$@")
  (cd "$work/npm" && "${install[@]}") >/dev/null 2>"$work/npm.err" ||
    skip "npm did not install $*: $(head -n 1 "$work/npm.err")"
  echo "packages: $* (node $(node --version))"
}

# Runs an unpacked program with the unpacked libraries.
with_libs() {
  LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu "$@"
}

# Prints what was seen, and notes when it is not what was seen when the finding was written.
seen() {
  local what=$1 then=$2 now=$3
  printf '%-56s %s\n' "$what" "$now"
  [ "$then" = "$now" ] || {
    printf '%-56s %s\n' '  was' "$then"
    changed=1
  }
}

# The last line, and the exit status.
verdict() {
  if [ "$changed" = 0 ]; then
    echo 'finding holds'
  else
    echo 'finding no longer holds'
    exit 1
  fi
}
