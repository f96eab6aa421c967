#!/usr/bin/env bash
# README's two commands on fresh machines: a root of each Debian suite with nothing but its own nodejs and npm, no compiler.
#
#     npm run test:fresh                     trixie as root, trixie as a user with umask 002, sid as root
#     npm run test:fresh trixie:user         one of them
#
# Needs root, debootstrap, some 2 GB in FRESH_DIR (default /var/tmp/holdfast-fresh, kept for the next time) and the package
# registries. What is tested is the last commit. Prints what each command said at its end, and ends with 1 if one failed.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/machines.sh"
[ "$(id -u)" = 0 ] || { echo 'fresh: needs root, for debootstrap and chroot' >&2; exit 2; }
command -v debootstrap >/dev/null || { echo 'fresh: apt-get install debootstrap' >&2; exit 2; }

# A mirror may stand still, and its Release file be past its date.
make_root() { # SUITE
  local root=$roots/$1
  [ -e "$root/.complete" ] && return
  rm -rf "$root"
  mkdir -p "$root"
  {
    debootstrap --variant=minbase --include=ca-certificates "$1" "$root" &&
      settle_network "$root" &&
      chroot "$root" apt-get -q -o Acquire::Check-Valid-Until=false update &&
      chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get -qy --no-install-recommends install nodejs npm
  } >"$root.log" 2>&1 || { tail -5 "$root.log"; return 1; }
  chroot "$root" useradd --create-home --shell /bin/bash alice
  chmod 0700 "$root/home/alice" "$root/root"
  touch "$root/.complete"
}

failed=0
try() { # SUITE WHO
  local root=$roots/$1 user=root umask=022 home=/root command status
  [ "$2" != user ] || { user=alice umask=002 home=/home/alice; }
  make_root "$1" || { echo "fresh: $1: no root to be had"; failed=1; return; }
  settle_network "$root"
  for command in 'npm ci && npm run demo' 'npm ci && npm test'; do
    lay_checkout "$root" "$home"
    status=0
    inside "$root" su - "$user" -c "umask $umask && cd $home/holdfast && export $(npm_environment) && $command" \
      >"$root.$2.log" 2>&1 </dev/null || status=$?
    printf '\n== %s as %s, umask %s, node %s: %s: %s\n' "$1" "$user" "$umask" "$(chroot "$root" node --version)" "$command" "$status"
    tail -n 12 "$root.$2.log"
    [ "$status" = 0 ] || failed=1
  done
}

[ $# -gt 0 ] || set -- trixie:root trixie:user sid:root
for machine; do try "${machine%%:*}" "${machine#*:}"; done
exit "$failed"
