#!/usr/bin/env bash
# What: among the tools that replace a file's content, who writes into the file that is there, and so into
#   all of its hard links, and who puts a new file in its place? Names and manuals do not tell: `strip` and
#   `patchelf` write into it; `unzip -o` replaces, `busybox unzip -o` writes into it; `bsdtar` and `7z`
#   replace, `unsquashfs -f` and `ar x` write into it; and node's `tar` replaces, though its README says that
#   without the option `unlink` it "overwrites existing files, which preserves existing hardlinks".
# Versions: binutils 2.40, patchelf 0.14.3, unzip 6.0-28, busybox 1.35.0, libarchive 3.6.2, 7-Zip 26.02,
#   squashfs-tools 4.5.1 (Debian 12), npm tar 7.5.23
# Guess before running: all of them replace, save node's `tar`, which keeps the links as its README says.
# Seen: five of them write through to the second name, and node's `tar` is not one of them.
# Why it matters to somebody who links/copies/launches programs: a hard link keeps an old version only from
#   those who replace. `strip /usr/bin/*` to save room changes every hard-linked snapshot too.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
debs binutils=2.40-2 binutils-x86-64-linux-gnu=2.40-2 binutils-common=2.40-2 libbinutils=2.40-2 libctf0=2.40-2 \
  libctf-nobfd0=2.40-2 libjansson4=2.14-2 patchelf=0.14.3-1+b1 unzip=6.0-28+deb12u1 \
  busybox-static=1:1.35.0-4+deb12u1+b1 \
  libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 p7zip-full=16.02+really26.02+dfsg-0+deb12u1 \
  squashfs-tools=1:4.5.1-1 liblzo2-2=2.10-2 s6=2.11.3.2-1
npms tar@7.5.23
bin=$root/usr/bin

# Runs a tool in a folder where `f` has a second name; says what became of the content under that name.
second_name() {
  rm -rf "$work/there"
  mkdir "$work/there"
  cp -p "$old" "$work/there/f"
  ln "$work/there/f" "$work/there/second"
  (cd "$work/there" && with_libs "$@" >"$work/log" 2>&1) || {
    echo "it failed: $(head -n 1 "$work/log")"
    return
  }
  if cmp -s "$old" "$work/there/f"; then
    echo 'nothing changed'
  elif cmp -s "$old" "$work/there/second"; then
    echo kept
  else
    echo 'written through'
  fi
}

old=$bin/s6-tai64n
"$bin/patchelf" --set-rpath /an/old/place "$old"
seen 'patchelf --set-rpath' 'written through' "$(second_name "$bin/patchelf" --set-rpath /a/place f)"
seen 'strip' 'written through' "$(second_name "$bin/x86_64-linux-gnu-strip" --remove-section=.comment f)"

echo old >"$work/old"
old=$work/old
mkdir "$work/new"
cd "$work/new"
echo new >f
with_libs "$bin/bsdtar" --format zip -cf ../f.zip f
with_libs "$bin/bsdtar" -cf ../f.tar f
with_libs "$bin/mksquashfs" f ../f.sqfs -quiet -no-progress >/dev/null
with_libs "$bin/x86_64-linux-gnu-ar" rc ../f.a f
cd ..
seen 'unzip -o' kept "$(second_name "$bin/unzip" -o ../f.zip)"
seen 'busybox unzip -o' 'written through' "$(second_name "$root/bin/busybox" unzip -o ../f.zip)"
seen 'bsdtar -x, zip' kept "$(second_name "$bin/bsdtar" -xf ../f.zip)"
seen 'bsdtar -x, tar' kept "$(second_name "$bin/bsdtar" -xf ../f.tar)"
seen '7z x -y, zip' kept "$(second_name "$root/usr/lib/p7zip/7z" x -y ../f.zip)"
seen 'unsquashfs -f' 'written through' "$(second_name "$bin/unsquashfs" -f -d . ../f.sqfs)"
seen 'ar x' 'written through' "$(second_name "$bin/x86_64-linux-gnu-ar" x ../f.a)"
seen "node's tar, without unlink" kept \
  "$(second_name node -e 'require("../npm/node_modules/tar").x({ file: "../f.tar", sync: true })')"
readme=$(grep -m 1 -o 'which preserves existing hardlinks' npm/node_modules/tar/README.md || true)
seen 'its README on that option' 'which preserves existing hardlinks' "$readme"
verdict
