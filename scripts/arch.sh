#!/usr/bin/env bash
# Other processors under qemu's user-mode emulation: Debian's arm64 and armhf (32 bits), with Debian's nodejs and npm.
#
#     npm run test:arch                     arm64 and armhf
#     npm run test:arch armhf               one of them
#
# In each, as an ordinary user: README's two commands, then test/arch/machine.js, whose programs a cross compiler made here.
# What qemu does not emulate is in docs/tested.md. Needs root, Linux 6.7 and the packages that it names where they are
# missing, some 2 GB in FRESH_DIR (default /var/tmp/holdfast-fresh, kept for the next time) and the package registries.
# What is tested is the last commit. Ends with 1 if something failed, with 2 if nothing could be tried.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/machines.sh"

cannot() { echo "arch: $1: nothing was tried" >&2; exit 2; }
[ "$(id -u)" = 0 ] || cannot 'needs root, for chroot and namespaces'
packages=()
command -v mmdebstrap >/dev/null || packages+=(mmdebstrap)
command -v aarch64-linux-gnu-gcc >/dev/null || packages+=(gcc-aarch64-linux-gnu)
command -v arm-linux-gnueabihf-gcc >/dev/null || packages+=(gcc-arm-linux-gnueabihf)
command -v qemu-arm-static >/dev/null || packages+=(qemu-user-static)
[ ${#packages[@]} = 0 ] || cannot "apt-get install ${packages[*]}"
[ "$(uname -m)" = x86_64 ] || cannot 'only tried on x86_64'
unshare --user --map-root-user --mount mount -t binfmt_misc none /proc/sys/fs/binfmt_misc 2>/dev/null ||
  cannot 'no binfmt_misc in a user namespace: it needs Linux 6.7 and CONFIG_BINFMT_MISC'

# Packages are unpacked by this machine's own dpkg, and none of their scripts run: minutes, where emulation takes an hour.
# Debian's archive alone, by this machine's mirror: updates are another one, which may be out of step with it.
make_root() { # ARCHITECTURE
  local root=$roots/trixie-$1 mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
  [ -e "$root/.complete" ] && return
  rm -rf "$root"
  mkdir -p "$roots"
  mmdebstrap --mode=root --variant=extract --architectures="$1" --include="$programs" \
    --hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr --aptopt='Acquire::Check-Valid-Until "false"' \
    trixie "$root" "$mirror" >"$root.log" 2>&1 </dev/null || { tail -5 "$root.log"; return 1; }
  cat "$root/usr/share/base-passwd/passwd.master" - >"$root/etc/passwd" <<<'alice:x:1000:1000::/home/alice:/bin/bash'
  cat "$root/usr/share/base-passwd/group.master" - >"$root/etc/group" <<<'alice:x:1000:'
  mkdir "$root/home/alice"
  chown 1000:1000 "$root/home/alice"
  touch "$root/.complete"
}
programs=base-files,base-passwd,bash,coreutils,dash,findutils,grep,libc-bin,mawk,nodejs,npm,procps,sed,util-linux

as_alice=(setpriv --reuid=1000 --regid=1000 --clear-groups env -i HOME=/home/alice PATH=/usr/bin:/bin:/usr/sbin:/sbin)
failed=0
try() { # WHAT PROCESSOR ROOT COMMAND
  local status=0
  printf '\n== %s: %s\n' "$(basename "$3")" "$1"
  # shellcheck disable=SC2046 # words of an environment
  inside_foreign "$2" "$3" "${as_alice[@]}" $(npm_environment) bash -o pipefail -ec "cd ~/holdfast && $4" </dev/null || status=$?
  echo "== ended with $status"
  [ "$status" = 0 ] || failed=1
}

# Compiled here, as alice, where fixtures/stand-in/make-c.js of that machine will look for it.
compile_stand_in() { # COMPILER ROOT
  "${as_alice[@]}" TMPDIR="$2/home/alice/tmp" STAND_IN_CC="$1" node --input-type=module -e '
    const { compile } = await import(process.argv[1]);
    for (const made of [compile(false), compile(true)]) if ("reason" in made) throw new Error(made.reason);
  ' "$2/home/alice/holdfast/fixtures/stand-in/make-c.js"
}

[ $# -gt 0 ] || set -- arm64 armhf
for architecture; do
  case $architecture in
    arm64) processor=aarch64 compiler=aarch64-linux-gnu-gcc ;;
    armhf) processor=arm compiler=arm-linux-gnueabihf-gcc ;;
    *) cannot "no such architecture: $architecture" ;;
  esac
  root=$roots/trixie-$architecture
  make_root "$architecture" || { echo "arch: $architecture: no root to be had"; failed=1; continue; }
  settle_network "$root"
  lay_checkout "$root" /home/alice
  install -d -o 1000 -g 1000 "$root/home/alice/tmp"
  qemu-"$processor"-static --version | head -n 1
  try 'versions' "$processor" "$root" 'uname -m; node --version; npm --version'
  try 'npm ci' "$processor" "$root" 'npm ci 2>&1 | tail -n 20'
  try 'npm run demo' "$processor" "$root" 'npm run demo'
  compile_stand_in "$compiler" "$root"
  try 'a node' "$processor" "$root" "TMPDIR=~/tmp STAND_IN_CC=$compiler node test/arch/machine.js"
done
exit "$failed"
