#!/usr/bin/env bash
# What: glibc expands $ORIGIN to the directory of the real file only for a program that the kernel executes.
#   Asked about the same program by ldd or `ld.so --list`, under a symbolic link's name, the loader takes the
#   *link's* directory: it does not find a library that the program loads every day. And a library that is
#   found through a symbolic link has the link's directory for its own $ORIGIN, always.
# Versions: libc6 2.36-9+deb12u14 (its ld.so); the program is s6-tai64n of s6 2.11.3.2, given run paths by
#   patchelf 0.14.3 (Debian 12)
# Guess before running: $ORIGIN is the directory of the real file each time.
# Seen: executed: real directory. Listed: the link's. Library: the link's.
# Why it matters to somebody who links/copies/launches programs: whoever asks the loader what a program will
#   load must ask about the real path; and a library kept under its soname as a link or a copy does not find
#   what lay beside it.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
debs libc6=2.36-9+deb12u14 s6=2.11.3.2-1 libskarnet2.13=2.13.1.1-1 zlib1g=1:1.2.13.dfsg-1 patchelf=0.14.3-1+b1
patch=$root/usr/bin/patchelf
libs=$root/lib/x86_64-linux-gnu
loader=$libs/ld-linux-x86-64.so.2

# app/bin/tool needs libskarnet.so.2.13 in app/lib, which needs libinner.so in app/lib/inner, both by $ORIGIN.
# shellcheck disable=SC2016
build() {
  mkdir -p app/bin app/lib/inner links
  cp "$libs"/libz.so.1 app/lib/inner/libinner.so
  "$patch" --set-soname libinner.so app/lib/inner/libinner.so
  cp "$root"/usr/lib/x86_64-linux-gnu/libskarnet.so.2.13 app/lib
  "$patch" --add-needed libinner.so app/lib/libskarnet.so.2.13
  "$patch" --set-rpath '$ORIGIN/inner' app/lib/libskarnet.so.2.13
  cp "$root/usr/bin/s6-tai64n" app/bin/tool
  "$patch" --set-interpreter "$loader" app/bin/tool
  "$patch" --set-rpath '$ORIGIN/../lib:'"$libs" app/bin/tool
  ln -s ../app/bin/tool links/tool
}

# Where a library was found, as the trace of loaded objects that is read from stdin says.
where() {
  sed -n "s|^\t$1 => \(not found\).*|\1|p; s|^\t$1 => $work/\([^ ]*\) .*|\1|p" | sort -u
}

cd "$work"
build
traced() { LD_TRACE_LOADED_OBJECTS=1 "$@"; }
outer=libskarnet.so.2.13
seen 'outer library, real name executed' "app/bin/../lib/$outer" "$(traced app/bin/tool | where $outer)"
seen 'outer library, symbolic link executed' "app/bin/../lib/$outer" "$(traced links/tool | where $outer)"
seen 'outer library, the loader asked (as by ldd), real name' "app/bin/../lib/$outer" \
  "$(traced "$loader" "$work/app/bin/tool" | where $outer)"
seen 'outer library, the loader asked, symbolic link' 'not found' \
  "$(traced "$loader" "$work/links/tool" | where $outer)"
status=0
"$loader" --list "$work/links/tool" >"$work/list" 2>&1 || status=$?
seen 'ld.so --list of the symbolic link ends with' 127 $status
seen 'the symbolic link, executed, ends with' 0 "$(links/tool </dev/null && echo 0 || echo $?)"

seen 'inner library, the outer one being a file' app/bin/../lib/inner/libinner.so \
  "$(traced app/bin/tool | where libinner.so)"
mkdir real
mv app/lib/$outer app/lib/inner real
ln -s ../../real/$outer app/lib/$outer
seen 'inner library, the outer one being a symbolic link' 'not found' \
  "$(traced app/bin/tool 2>&1 | where libinner.so || true)"
verdict
