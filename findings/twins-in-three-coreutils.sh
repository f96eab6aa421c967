#!/usr/bin/env bash
# What: `a` and `b` are two names of one file, and a command is to put `a` over `b`. GNU `install a b` makes
#   a new file, uutils' leaves *both names empty*, with exit status 0. GNU `mv a b` refuses with 1; uutils'
#   and Busybox's do nothing and end with 0. GNU `ln -f a b` is content, uutils' refuses.
# Versions: coreutils 9.1, uutils (rust-coreutils) 0.0.17, busybox 1.35.0 (Debian 12)
# Guess before running: `mv` takes the name `a` away in all three, and no command loses the content.
# Seen: no `mv` of them removes a name; they differ in the exit status. uutils' `install` opens the
#   destination, which is the source, and empties it.
# Why it matters to somebody who links/copies/launches programs: "put the kept version back" is `install
#   kept/x bin/x`, and with a hard-linked copy those two may still be one file. Compare device and inode
#   first, or go by a new name and `mv`.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
debs coreutils=9.1-1 rust-coreutils=0.0.17-2 busybox-static=1:1.35.0-4+deb12u1+b1

gnu() {
  local program=$root/bin/$1
  [ -x "$program" ] || program=$root/usr/bin/$1
  shift
  "$program" "$@"
}
uutils() { "$root/usr/bin/coreutils" "$@"; }
busybox() { "$root/bin/busybox" "$@"; }

# Runs a command where `a` and `b` are one file; says its exit status and what each name holds then.
twins() {
  rm -rf "$work/twins"
  mkdir "$work/twins"
  cd "$work/twins"
  echo content >a
  ln a b
  local status=0 name held=''
  "$@" >"$work/log" 2>&1 || status=$?
  for name in a b; do
    if [ ! -e $name ]; then
      held+=", $name gone"
    elif [ ! -s $name ]; then
      held+=", $name empty"
    fi
  done
  [ a -ef b ] && held+=', one file' || held+=', two files'
  echo "exit $status$held"
}

seen 'install a b: GNU' 'exit 0, two files' "$(twins gnu install a b)"
seen 'install a b: uutils' 'exit 0, a empty, b empty, one file' "$(twins uutils install a b)"
seen 'mv a b: GNU' 'exit 1, one file' "$(twins gnu mv a b)"
seen 'mv a b: uutils' 'exit 0, one file' "$(twins uutils mv a b)"
seen 'mv a b: busybox' 'exit 0, one file' "$(twins busybox mv a b)"
seen 'ln -f a b: GNU' 'exit 0, one file' "$(twins gnu ln -f a b)"
seen 'ln -f a b: uutils' 'exit 1, one file' "$(twins uutils ln -f a b)"
seen 'ln -f a b: busybox' 'exit 0, one file' "$(twins busybox ln -f a b)"
seen 'cp --remove-destination a b: GNU' 'exit 0, two files' "$(twins gnu cp --remove-destination a b)"
seen 'cp --remove-destination a b: uutils' 'exit 1, one file' "$(twins uutils cp --remove-destination a b)"
verdict
