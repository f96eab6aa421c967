/**
 * `npm run release [-- [--dirty] [DIRECTORY]]`: all files of a release, in dist-release/ or DIRECTORY: the source, npm's
 * package, the Debian package of this machine's architecture, and SHA256SUMS over them. The same commit gives the same
 * bytes: every time stamp is the day of the release, as CHANGELOG.md has it. Publishes nothing, and tags nothing.
 *
 * Refuses a tree with changes that the source would not have (--dirty: all the same, for tests), and a version that
 * CHANGELOG.md does not begin with.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ensureDirSync, readJsonSync, removeSync } from 'fs-extra/esm';
import { releaseDate } from './release-date.js';

const checkout = join(import.meta.dirname, '..');
const { version } = readJsonSync(join(checkout, 'package.json'));
const words = process.argv.slice(2);
const directory = resolve(words.find(word => !word.startsWith('--')) ?? join(checkout, 'dist-release'));

const newest = releaseDate();
if (newest.version !== version)
  fail(`package.json says ${version}, and CHANGELOG.md begins with ${newest.version}`);
const { stdout: top } = spawnSync('git', ['rev-parse', '--show-toplevel'], {
  cwd: checkout,
  encoding: 'utf8',
});
if ((top ?? '').trim() !== realpathSync(checkout))
  fail(`${checkout} is no checkout of git: a release is made of a commit`);
const changes = run('git', ['status', '--porcelain', '--untracked-files=no']);
if (changes !== '' && !words.includes('--dirty'))
  fail(`there are changes that are not committed:\n${changes}`);

ensureDirSync(directory);
const made = mkdtempSync(join(directory, '.new-'));
try {
  run('npm', ['run', '--silent', 'build']);
  putSource();
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', made]);
  run(process.execPath, [join(checkout, 'scripts/deb.js')], made);
  const files = readdirSync(made).sort();
  const sums = files.map(name => `${sha256(join(made, name))}  ${name}\n`).join('');
  for (const name of files) renameSync(join(made, name), join(directory, name));
  writeFileSync(join(directory, 'SHA256SUMS'), sums);
  console.log(sums.trimEnd());
  console.log(`\nin ${directory}. What is left to do: CONTRIBUTING.md, "Publishing"`);
} finally {
  removeSync(made);
}

/** The commit's files. git gives them the commit's time stamp; gzip has none in it. */
function putSource() {
  const name = `holdfast-${version}`;
  const tar = execFileSync('git', ['archive', '--format=tar', `--prefix=${name}/`, 'HEAD'], {
    cwd: checkout,
    maxBuffer: 1 << 30,
  });
  writeFileSync(join(made, `${name}.tar.gz`), gzipSync(tar, { level: 9 }));
}

/** @param {string} program @param {string[]} args @param {string} [cwd] */
function run(program, args, cwd = checkout) {
  return execFileSync(program, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SOURCE_DATE_EPOCH: `${newest.seconds}` },
  });
}

/** @param {string} path */
function sha256(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(`release: ${message}`);
  process.exit(1);
}
