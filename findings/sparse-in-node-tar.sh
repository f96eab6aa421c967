#!/usr/bin/env bash
# What: node's `tar` knows no sparse files, and says nothing of it. One that GNU tar stored with `--sparse
#   --format=posix` comes out under another name, GNUSparseFile.PID/NAME, and holds the map of the holes
#   followed by the data; one stored with `--sparse --format=gnu` does not come out at all. No error, no
#   warning, in strict mode too.
# Versions: GNU tar 1.34, libarchive 3.6.2 (Debian 12), npm tar 7.5.23
# Guess before running: an error, or at least a warning, that names the member; certainly no file under a
#   name that `tar -t` does not show.
# Seen: as above; GNU tar and bsdtar list and extract both formats right.
# Why it matters to somebody who links/copies/launches programs: `--sparse` changes the format only of files
#   that have holes, so an archive can be whole for every file but one. Refuse such members by name.
# shellcheck source-path=SCRIPTDIR source=lib/pinned.bash
. "$(dirname "$0")/lib/pinned.bash"
debs tar=1.34+dfsg-1.2+deb12u1 libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5
npms tar@7.5.23
cd "$work"
mkdir from
truncate -s 1M from/f
echo end >>from/f
for format in posix gnu; do "$root/bin/tar" -C from --sparse "--format=$format" -cf "$format.tar" f; done

# Extracts into an empty folder; says the exit status, what was printed, and the files that came, with sizes.
extracted() {
  rm -rf to
  mkdir to
  local status=0
  (cd to && with_libs "$@" >"$work/log" 2>&1) || status=$?
  local files
  files=$(cd to && find . -type f -printf '%P of %s bytes' | sed 's/GNUSparseFile\.[0-9]*/GNUSparseFile.PID/')
  echo "exit $status, $(wc -l <log) lines, ${files:-no file}"
}

right='exit 0, 0 lines, f of 1048580 bytes'
node_tar='require("../npm/node_modules/tar").x({ file: process.argv[1], strict: true, onwarn: console.log })'
for format in posix gnu; do
  seen "$format: GNU tar" "$right" "$(extracted "$root/bin/tar" -xf "../$format.tar")"
  seen "$format: bsdtar" "$right" "$(extracted "$root/usr/bin/bsdtar" -xf "../$format.tar")"
done
seen "posix: node's tar, strict" 'exit 0, 0 lines, GNUSparseFile.PID/f of 516 bytes' \
  "$(extracted node -e "$node_tar" ../posix.tar)"
seen "gnu: node's tar, strict" 'exit 0, 0 lines, no file' "$(extracted node -e "$node_tar" ../gnu.tar)"
verdict
