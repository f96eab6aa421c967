#!/usr/bin/env bash
# What: GNU tar, given a file of two names twice (`tar -cf x.tar a a b`, as overlapping globs do), stores
#   the second `a` as a hard link to itself. GNU tar and Busybox extract that whole. bsdtar says so, extracts
#   the rest, and ends with 1. node's `tar` removes `a` to make room for the link to `a`: neither file is
#   there at the end, and no error is raised.
# Versions: GNU tar 1.34, libarchive 3.6.2, busybox 1.35.0 (Debian 12), npm tar 7.5.23
# Guess before running: whatever they think of such a member, all end with both files whole.
# Seen: three do. With node's `tar` the promise is fulfilled, two warnings (TAR_ENTRY_ERROR) go to `onwarn`
#   if there is one, and nothing was extracted.
# Why it matters to somebody who links/copies/launches programs: a file of two names is common among
#   programs (perl in Debian), and so is an archive made from a list of paths. After extracting with node's
#   `tar`, look at what is there, or pass `strict`: then it is an error.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
debs tar=1.34+dfsg-1.2+deb12u1 libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 \
  busybox-static=1:1.35.0-4+deb12u1+b1
npms tar@7.5.23
cd "$work"
mkdir from
echo content >from/a
ln from/a from/b
"$root/bin/tar" -C from -cf x.tar a a b
seen 'the archive lists' 'a, a link to a, b link to a' \
  "$("$root/bin/tar" -tvf x.tar | sed 's/.*:[0-9][0-9] //' | paste -sd , | sed 's/,/, /g')"

# Extracts into an empty folder; says the exit status and which files hold the content.
extracted() {
  rm -rf to
  mkdir to
  local status=0
  (cd to && with_libs "$@" >"$work/log" 2>&1) || status=$?
  echo "exit $status, whole:$(cd to && grep -lx content a b 2>/dev/null | sed 's/^/ /' | tr -d '\n')"
}

node_tar='require("../npm/node_modules/tar").x({ file: "../x.tar", strict: process.argv[1] === "strict" })'
seen 'GNU tar' 'exit 0, whole: a b' "$(extracted "$root/bin/tar" -xf ../x.tar)"
seen 'busybox tar' 'exit 0, whole: a b' "$(extracted "$root/bin/busybox" tar -xf ../x.tar)"
seen 'bsdtar' 'exit 1, whole: a b' "$(extracted "$root/usr/bin/bsdtar" -xf ../x.tar)"
seen "node's tar" 'exit 0, whole:' "$(extracted node -e "$node_tar")"
seen "node's tar, strict" 'exit 1, whole:' "$(extracted node -e "$node_tar" strict)"
verdict
