#!/usr/bin/env bash
# What: a copy of a library that was left beside it as NAME.bak, NAME.old, NAME;HEX (rpm's temporary name)
#   or even NAME.dpkg-new and NAME.dpkg-tmp becomes what the soname's link leads to, at the next run of
#   ldconfig, instead of NAME.
# Versions: libc-bin 2.36-9+deb12u14 (its ldconfig), zlib 1.2.13 as the library (Debian 12)
# Guess before running: the link stays with the name that has no suffix.
# Seen: the soname is read from the file, whatever its name ends in, and the longer name counts as the newer
#   version.
# Why it matters to somebody who links/copies/launches programs: the file that a program loads may be a
#   package manager's temporary one, about to be renamed away, or last year's backup. Look at the real path of
#   what the loader names.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
debs libc-bin=2.36-9+deb12u14 zlib1g=1:1.2.13.dfsg-1
library=libz.so.1.2.13

# Puts a copy beside the library under its name and a suffix, runs ldconfig, says where the soname's link leads.
leads_to() {
  rm -rf "$work/libs"
  mkdir "$work/libs"
  cp "$root/lib/x86_64-linux-gnu/$library" "$work/libs/$library"
  ln -s $library "$work/libs/libz.so.1"
  cp "$work/libs/$library" "$work/libs/$library$1"
  "$root/sbin/ldconfig" -n "$work/libs"
  readlink "$work/libs/libz.so.1"
}

for suffix in .bak .old .orig .dpkg-new .dpkg-tmp ';5f3a9c01' '~'; do
  seen "beside $library$suffix" "$library$suffix" "$(leads_to "$suffix")"
done
verdict
