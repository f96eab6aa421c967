#!/usr/bin/env bash
# What: `DPkg::Pre-Install-Pkgs { "A=1 /path/hook"; }` runs the hook with A=1, but by another protocol than
#   `{ "/path/hook"; }`: apt takes the first word of the line, `A=1`, for the hook's name when it looks for
#   `DPkg::Tools::Options::/path/hook::Version`, finds none, and speaks version 1.
# Versions: apt 2.6.1 (Debian 12)
# Guess before running: the line is a shell command, so a variable in front of it changes the hook's environment
#   and nothing else.
# Seen: with the variable the hook gets a list of archives, one path a line; without it `VERSION 3`, the
#   configuration, and lines that begin with each package's name. Setting the option under the name `A=1` brings version 3 back.
# Why it matters to somebody who links/copies/launches programs: a hook that reads names of packages finds none, and
#   lets every upgrade pass without a word.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
debs apt=2.6.1 libapt-pkg6.0=2.6.1
cd "$work"
mkdir -p twin/DEBIAN to/var/lib/dpkg/{info,updates} apt/{state/lists,cache/archives,log}
mkdir apt/state/lists/partial apt/cache/archives/partial
: >to/var/lib/dpkg/status
cat >twin/DEBIAN/control <<'END'
Package: one
Version: 1
Architecture: all
Maintainer: Some One <some.one@example.org>
Description: nothing
END
dpkg-deb --root-owner-group -b twin one.deb >/dev/null
cat >hook <<'END'
#!/bin/sh
{ echo "A is ${A-not set}"; cat; } >"$(dirname "$0")/said"
END
chmod +x hook

# Lets apt install the package with this line as a hook, and more configuration; says what the hook got.
with_hook() {
  cat >apt.conf <<END
Dir::Etc "$work/apt/etc"; Dir::State "$work/apt/state"; Dir::State::status "$work/to/var/lib/dpkg/status";
Dir::Cache "$work/apt/cache"; Dir::Log "$work/apt/log"; Dir::Bin::methods "$root/usr/lib/apt/methods";
APT::Sandbox::User "root"; APT::Architecture "all";
DPkg::Options { "--root=$work/to"; "--force-unsafe-io"; "--log=/dev/null"; };
DPkg::Pre-Install-Pkgs { "$1"; };
DPkg::Tools::Options::$2::Version "3";
END
  rm -f said
  APT_CONFIG=$work/apt.conf with_libs "$root/usr/bin/apt-get" -y --reinstall install "$work/one.deb" >log 2>&1 || true
  printf '%s; %s; %s lines that begin with its name' "$(sed -n 1p said)" "$(sed -n 2p said | sed "s|$work/||")" \
    "$(grep -c '^one ' said)"
}

seen 'by its path' 'A is not set; VERSION 3; 2 lines that begin with its name' "$(with_hook "$work/hook" "$work/hook")"
seen 'with a variable in front' 'A is 1; one.deb; 0 lines that begin with its name' \
  "$(with_hook "A=1 $work/hook" "$work/hook")"
seen 'with the option under the first word' 'A is 1; VERSION 3; 2 lines that begin with its name' \
  "$(with_hook "A=1 $work/hook" 'A=1')"
verdict
