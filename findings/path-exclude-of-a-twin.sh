#!/usr/bin/env bash
# What: a package has one file under two names. With `--path-exclude` for the name that comes first in the
#   archive, dpkg cannot install the package: "error creating hard link". With the other name excluded it can.
# Versions: dpkg 1.21.23 (Debian 12)
# Guess before running: the name that is kept is installed, with the content, whichever of the two that is.
# Seen: the content stands in the archive with the first name; where that is left out there is nothing to
#   link to. `perl-base` is such a package (/usr/bin/perl and /usr/bin/perl5.36.0).
# Why it matters to somebody who links/copies/launches programs: a package that ships one program under two
#   names as a hard link cannot be trimmed by those who build small images; a symbolic link can.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
debs dpkg=1.21.23
export PATH="$root/usr/bin:$PATH"
cd "$work"
mkdir -p twin/DEBIAN twin/usr/lib/twin
cat >twin/DEBIAN/control <<'END'
Package: twin
Version: 1
Architecture: all
Maintainer: Some One <some.one@example.org>
Description: one file under two names
END
echo content >twin/usr/lib/twin/first
ln twin/usr/lib/twin/first twin/usr/lib/twin/second
dpkg-deb --root-owner-group -b twin twin.deb >/dev/null

# Installs the package into an empty root without one of its names; says the exit status and what came.
without() {
  rm -rf to
  mkdir -p to/etc to/var/lib/dpkg/info to/var/lib/dpkg/updates
  : >to/var/lib/dpkg/status
  local status=0
  dpkg --root="$work/to" --log=/dev/null "--path-exclude=/usr/lib/twin/$1" -i twin.deb >log 2>&1 || status=$?
  echo "exit $status, $(cd to && find usr -type f 2>/dev/null | paste -sd ' ')"
}

seen 'without the second name' 'exit 0, usr/lib/twin/first' "$(without second)"
seen 'without the first name' 'exit 1, ' "$(without first)"
seen 'it says' "error creating hard link './usr/lib/twin/second': No such file or directory" \
  "$(sed -n 's/^ *\(.*hard link.*\)/\1/p' log)"
verdict
