#!/usr/bin/env bash
# What: of five commands that run a program under a lock on a file, `flock`, runit's `chpst -L` and
#   daemontools' `setlock` use flock(2), while `s6-setlock` and moreutils' `lckdo` use POSIX record locks. On
#   one file system the two kinds do not see each other: the same lock file is held twice.
# Versions: util-linux 2.38.1, runit 2.1.2, daemontools 0.76, s6 2.11.3.2, moreutils 0.67 (Debian 12)
# Guess before running: all five use flock(2), s6-setlock being the heir of setlock, and exclude each other.
# Seen: two families, in every combination.
# Why it matters to somebody who links/copies/launches programs: a lock is a convention between programs
#   that use the same call. A script that guards a launcher's store with the wrong one of these guards
#   nothing.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
debs util-linux=2.38.1-5+deb12u3 runit=2.1.2-54 daemontools=1:0.76-8.1 s6=2.11.3.2-1 libskarnet2.13=2.13.1.1-1 \
  moreutils=0.67-1
cd "$work"
mkfifo end

# Runs a program under the lock, without waiting for it.
locked() {
  local with=$1
  shift
  case $with in
  flock) with_libs "$root/usr/bin/flock" -n lock "$@" ;;
  chpst) with_libs "$root/usr/bin/chpst" -L lock "$@" ;;
  setlock) with_libs "$root/usr/bin/setlock" -n lock "$@" ;;
  s6-setlock) with_libs "$root/usr/bin/s6-setlock" -n lock "$@" ;;
  lckdo) with_libs "$root/usr/bin/lckdo" lock "$@" ;;
  esac
}

# Holds the lock with one command; says which of the five get it meanwhile.
get_it_beside() {
  rm -f lock held
  locked "$1" sh -c ': >held; read -r line <end' &
  local holder=$! with got=''
  until [ -e held ]; do sleep 0.02; done
  for with in flock chpst setlock s6-setlock lckdo; do
    if locked "$with" true >log 2>&1; then got+="$with "; fi
  done
  echo >end
  wait "$holder"
  echo "${got:-none}"
}

for with in flock chpst setlock; do
  seen "held by $with, is got by" 's6-setlock lckdo ' "$(get_it_beside $with)"
done
for with in s6-setlock lckdo; do
  seen "held by $with, is got by" 'flock chpst setlock ' "$(get_it_beside $with)"
done
verdict
