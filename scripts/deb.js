/**
 * The Debian package of this checkout, for this machine's architecture: `npm run deb` leaves holdfast_VERSION_ARCH.deb
 * in the current directory. Needs dpkg-deb, and the build. Holds no more than the npm package and koffi.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  lstatSync,
  lutimesSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ensureDirSync, readJsonSync } from 'fs-extra/esm';
import { releaseDate } from './release-date.js';

const checkout = join(import.meta.dirname, '..');
const { version, description } = readJsonSync(join(checkout, 'package.json'));
const architecture = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
const MAINTAINER = 'The holdfast authors <holdfast@packages.invalid>';
/** The day of the release: the same source gives the same package. */
const { seconds } = releaseDate();
const top = mkdtempSync(join(tmpdir(), 'holdfast-deb-'));

try {
  putProgram();
  putDocuments();
  putCompletions();
  putControl();
  putSums();
  setModes(top);
  const file = `holdfast_${version}_${architecture}.deb`;
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', '-Zxz', top, file], {
    stdio: 'ignore',
    env: { ...process.env, SOURCE_DATE_EPOCH: `${seconds}` },
  });
  console.log(file);
} finally {
  rmSync(top, { recursive: true });
}

/** Where npm would have it, below one directory of ours. */
function putProgram() {
  const lib = 'usr/lib/holdfast';
  const koffi = 'node_modules/koffi';
  const addon = `node_modules/@koromix/koffi-linux-${process.arch}`;
  copy('package.json', lib);
  copy('bin/holdfast', join(lib, 'bin'));
  for (const name of readdirSync(join(checkout, 'dist')))
    if (/\.cjs$|^help\.json$/.test(name)) copy(join('dist', name), join(lib, 'dist'));
  for (const name of ['package.json', 'index.cjs', 'index.js', 'indirect.cjs', 'indirect.js'])
    copy(join(koffi, name), join(lib, koffi));
  for (const name of ['package.json', 'index.js', `linux_${process.arch}`])
    copy(join(addon, name), join(lib, addon));
  ensureDirSync(join(top, 'usr/bin'));
  symlinkSync('../lib/holdfast/bin/holdfast', join(top, 'usr/bin/holdfast'));
}

function putDocuments() {
  const doc = 'usr/share/doc/holdfast';
  // as in a checkout, so that links from one document to another lead somewhere
  for (const name of ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'BENCHMARKS.md']) copy(name, doc);
  copy('docs/schema', join(doc, 'docs'));
  for (const name of readdirSync(join(checkout, 'docs')))
    if (name.endsWith('.md')) copy(join('docs', name), join(doc, 'docs'));
  for (const name of readdirSync(join(checkout, 'contrib')))
    copy(join('contrib', name), join(doc, 'examples'));
  symlinkSync('examples', join(top, doc, 'contrib'));
  for (const page of readdirSync(join(checkout, 'dist/man')))
    compress(
      readFileSync(join(checkout, 'dist/man', page), 'utf8'),
      `usr/share/man/man${page.slice(-1)}/${page}.gz`,
    );
  compress(
    `holdfast (${version}) unstable; urgency=medium\n\n  * CHANGELOG.md beside this file tells what is new.\n\n -- ${MAINTAINER}  ${new Date(seconds * 1000).toUTCString().replace('GMT', '+0000')}\n`,
    join(doc, 'changelog.gz'),
  );
  const licenses = ['LICENSE', 'dist/LICENSES', 'node_modules/koffi/LICENSE.txt'];
  const texts = licenses.map(name => readFileSync(join(checkout, name), 'utf8'));
  write(
    join(doc, 'copyright'),
    `Upstream-Name: holdfast\n\nholdfast\n\n${texts[0]}\nCode of these packages is part of holdfast's:\n\n${texts[1]}\nkoffi\n\n${texts[2]}`,
  );
}

function putCompletions() {
  copy('dist/completions/holdfast.bash', 'usr/share/bash-completion/completions', 'holdfast');
  copy('dist/completions/_holdfast', 'usr/share/zsh/vendor-completions');
  copy('dist/completions/holdfast.fish', 'usr/share/fish/vendor_completions.d');
}

/** deb-control(5). */
function putControl() {
  const kilobytes = Math.ceil(sizeOf(top) / 1024);
  write(
    'DEBIAN/control',
    `Package: holdfast
Version: ${version}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${kilobytes}
Depends: nodejs (>= 20.19), libc6, libgcc-s1, libstdc++6
Suggests: xz-utils, zstd
Section: net
Priority: optional
Description: start Core Lightning from a snapshot of its own binaries
 ${description.replace(/(.{1,70})(?: |$)/g, '$1\n ').trim()}.
 .
 Put "holdfast run" in front of the command that starts lightningd: it links or
 copies every binary of the installation to the node's data directory, with a
 Merkle manifest, and becomes the lightningd in there.
`,
  );
}

/** deb-md5sums(5): what `dpkg --verify` goes by. */
function putSums() {
  const sums = filesBelow('usr').map(name => {
    const sum = createHash('md5')
      .update(readFileSync(join(top, name)))
      .digest('hex');
    return `${sum}  ${name}\n`;
  });
  write('DEBIAN/md5sums', sums.join(''));
}

/** No link, nor what is behind one. @param {string} path below the top @returns {string[]} */
function filesBelow(path) {
  const stat = lstatSync(join(top, path));
  if (!stat.isDirectory()) return stat.isFile() ? [path] : [];
  const names = readdirSync(join(top, path)).sort();
  return names.flatMap(name => filesBelow(join(path, name)));
}

/** @param {string} from below the checkout @param {string} directory @param {string} [name] */
function copy(from, directory, name = basename(from)) {
  cpSync(join(checkout, from), join(top, directory, name), { recursive: true });
}

/** @param {string} text @param {string} to */
function compress(text, to) {
  ensureDirSync(dirname(join(top, to)));
  writeFileSync(join(top, to), gzipSync(text, { level: 9 }));
}

/** @param {string} path @param {string} text */
function write(path, text) {
  ensureDirSync(dirname(join(top, path)));
  writeFileSync(join(top, path), text);
}

/** Whatever the umask of the checkout was, and whenever it was made. @param {string} path */
function setModes(path) {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) {
    lutimesSync(path, seconds, seconds);
    return;
  }
  const isProgram = path.endsWith('/bin/holdfast') || readStart(path, stat) === '#!';
  chmodSync(path, stat.isDirectory() || isProgram ? 0o755 : 0o644);
  if (stat.isDirectory()) for (const name of readdirSync(path)) setModes(join(path, name));
  utimesSync(path, seconds, seconds);
}

/** @param {string} path @param {import('node:fs').Stats} stat */
function readStart(path, stat) {
  return stat.isFile() ? readFileSync(path).subarray(0, 2).toString('latin1') : '';
}

/** @param {string} path @returns {number} */
function sizeOf(path) {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 4096);
}
