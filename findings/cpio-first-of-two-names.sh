#!/usr/bin/env bash
# What: in a "newc" cpio archive (initramfs, the payload of an rpm) the content of a file with two names
#   stands with the *last* of them. Asked for the first name alone, GNU cpio gives the content, bsdcpio and
#   bsdtar give an empty file and end with 0, Busybox gives none and ends with 1.
# Versions: GNU cpio 2.13, libarchive 3.6.2, busybox 1.35.0 (Debian 12)
# Guess before running: each gives the content or an error, as with a tar archive whose link's target is
#   left out.
# Seen: bsdcpio and bsdtar do neither. Asked for the *last* name alone, bsdtar misses the first and gives no
#   file.
# Why it matters to somebody who links/copies/launches programs: `rpm2cpio x.rpm | bsdtar -xf -
#   ./usr/bin/one` may make an empty program without a word. Take all names of a file, or compare its size
#   with the listing of the last one.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
debs cpio=2.13+dfsg-7.1 libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 \
  busybox-static=1:1.35.0-4+deb12u1+b1
cd "$work"
mkdir from
echo content >from/first
ln from/first from/last
(cd from && printf 'first\nlast\n' | "$root/bin/cpio" --quiet -o -H newc >../x.cpio)

# Extracts one name into an empty folder; says the exit status and how many bytes came.
only() {
  local name=$1 status=0
  shift
  rm -rf to
  mkdir to
  (cd to && with_libs "$@" "$name" <../x.cpio >"$work/log" 2>&1) || status=$?
  echo "exit $status, $(stat -c '%s bytes' "to/$name" 2>/dev/null || echo 'no file')"
}

seen 'GNU cpio, first name alone' 'exit 0, 8 bytes' "$(only first "$root/bin/cpio" -id)"
seen 'bsdcpio, first name alone' 'exit 0, 0 bytes' "$(only first "$root/usr/bin/bsdcpio" -id)"
seen 'bsdtar, first name alone' 'exit 0, 0 bytes' "$(only first "$root/usr/bin/bsdtar" -xf -)"
seen 'busybox cpio, first name alone' 'exit 1, no file' "$(only first "$root/bin/busybox" cpio -id)"
seen 'GNU cpio, last name alone' 'exit 0, 8 bytes' "$(only last "$root/bin/cpio" -id)"
seen 'bsdtar, last name alone' 'exit 1, no file' "$(only last "$root/usr/bin/bsdtar" -xf -)"
seen 'busybox cpio, last name alone' 'exit 0, 8 bytes' "$(only last "$root/bin/busybox" cpio -id)"
verdict
