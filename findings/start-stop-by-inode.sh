#!/usr/bin/env bash
# What: `start-stop-daemon --exec FILE` of dpkg, and `killall FILE`, find a process that was started through
#   another hard link to FILE, until FILE is replaced; then they find nothing, and say so with exit status 1.
#   Busybox's start-stop-daemon finds such a process at no time, unless argv[0] of the process is FILE: then
#   always.
# Versions: dpkg 1.21.23, busybox 1.35.0, psmisc 23.6, sleep of coreutils 9.1 (Debian 12)
# Guess before running: all three compare the path that /proc/PID/exe shows, so a process started through
#   another hard link is found by none of them, at any time.
# Seen: three tools, three rules. dpkg's takes the path of /proc/PID/exe without " (deleted)" and compares
#   the inode that is there now; killall compares the inode that runs; Busybox's is content with either that
#   path or argv[0].
# Why it matters to somebody who links/copies/launches programs: an init script that stops a service by
#   `--exec` works in every try with a hard-linked program, and stops working at the first upgrade. A PID file
#   has no such day.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
debs dpkg=1.21.23 busybox-static=1:1.35.0-4+deb12u1+b1 psmisc=23.6-1 coreutils=9.1-1

installed=$work/installed/service
linked=$work/linked/service
mkdir "$work/installed" "$work/linked"

asked() {
  if "$@" "$installed" >/dev/null 2>&1; then echo found; else echo 'not found'; fi
}

# Asks all three whether they find the process; each only looks (--test, signal 0).
ask() {
  local when=$1 look=(--stop --test --exec)
  seen "$when: dpkg's start-stop-daemon" "$2" "$(asked "$root/sbin/start-stop-daemon" "${look[@]}")"
  seen "$when: busybox start-stop-daemon" "$3" "$(asked "$root/bin/busybox" start-stop-daemon "${look[@]}")"
  seen "$when: killall" "$4" "$(asked "$root/usr/bin/killall" -0)"
}

# Starts a program under an argv[0], asks, replaces the installed file by a rename as upgrades do, asks again.
try() {
  local how=$1 program=$2 name=$3
  cp "$root/bin/sleep" "$installed"
  ln -f "$installed" "$linked"
  (exec -a "$name" "$program" 300) &
  local pid=$!
  until [ "$(readlink "/proc/$pid/exe")" = "$program" ]; do :; done
  ask "$how" "${@:4:3}"
  cp "$root/bin/sleep" "$installed.new"
  mv "$installed.new" "$installed"
  ask "$how, replaced" "${@:7:3}"
  kill "$pid"
  wait "$pid" 2>/dev/null || true
}

try 'hard link' "$linked" "$linked" found 'not found' found 'not found' 'not found' 'not found'
try 'hard link, argv[0] FILE' "$linked" "$installed" found found found 'not found' found 'not found'
try 'FILE itself' "$installed" "$installed" found found found found found 'not found'
verdict
