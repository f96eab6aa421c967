/** `holdfast snapshot`, from outside: what it makes, what it uses again, what it refuses. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { beforeEach, expect, test } from 'vitest';
import { fingerprint, HOLDFAST, holdfast, ORDINARY_USER, snapshotJson } from '../helpers/holdfast.ts';
import { readJson } from '../helpers/schema.ts';
import {
  ageDirectories,
  listFiles,
  makeCInstallation,
  makePair,
  makeWorld,
  noCompiler,
  tempDir,
  upgrade,
} from '../helpers/stand-in.ts';

const isRoot = process.geteuid?.() === 0;

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

test('a snapshot has every file of the installation as a hard link, and costs no disk space', () => {
  const { installed, words } = makeWorld();
  const result = snapshotJson(words);
  const files = listFiles(installed.prefix);
  expect(result).toMatchObject({ version: 'v25.12', files: files.length, reused: false, wiped: [] });
  expect(result.placements).toEqual({ hardlink: files.length, reflink: 0, copy: 0 });
  for (const file of files) {
    expect(statSync(join(result.path, file)).ino).toBe(statSync(join(installed.prefix, file)).ino);
  }
});

test('the parents of a --snapshot-dir are not all made, and none is called the lightning-dir', () => {
  const { words, dir } = makeWorld();
  const called = holdfast(['snapshot', `--snapshot-dir=${dir}/none/at/all`, ...words]);
  expect(called).toMatchObject({
    status: 2,
    stderr: `holdfast: cannot make the directory for the store '${dir}/none/at': no such file or directory (ENOENT, mkdir)\nholdfast: hint: is the path the right one, and its disk mounted?\n`,
  });
});

test('--verbose says on stderr, file by file, how each was placed, and what verify and root found of it', () => {
  const { installed, words, lightningDir } = makeWorld();
  const files = listFiles(installed.prefix);
  const said = (stderr: string, line: (file: string) => string) =>
    files.filter(file => !stderr.includes(line(file)));
  const placed = holdfast(['snapshot', '--verbose', ...words]);
  expect(said(placed.stderr, file => `${file}: hardlink of '${installed.prefix}/${file}'\n`)).toEqual([]);
  const verified = holdfast(['verify', '--verbose', `--lightning-dir=${lightningDir}`]);
  expect(said(verified.stderr, file => `${file}: ok, SHA-256 `)).toEqual([]);
  const summed = holdfast(['root', '--verbose', installed.prefix]);
  const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
  expect(said(summed.stderr, file => `${digest(join(installed.prefix, file))}  ${file}\n`)).toEqual([]);
  const again = holdfast(['snapshot', ...words]);
  expect(again).toMatchObject({ stdout: placed.stdout, stderr: '' });
});

test('what sha256sum -c says agrees', () => {
  const { words } = makeWorld();
  const { path } = snapshotJson(words);
  execFileSync('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], { cwd: path });
});

test('an unchanged installation is not taken again: the snapshot that is there is used as it is', () => {
  const { words, lightningDir } = makeWorld();
  const first = snapshotJson(words);
  const before = fingerprint(lightningDir);
  expect(snapshotJson(words)).toMatchObject({ id: first.id, reused: true, wiped: [] });
  expect(fingerprint(lightningDir)).toEqual(before);
});

test('after an upgrade there is a new snapshot, and the old one is wiped', () => {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const words = [installed.lightningd, `--lightning-dir=${dir}/lightning`];
  const first = snapshotJson(words);
  upgrade('rename', next.prefix, installed.prefix);
  const second = snapshotJson(words);
  expect(second).toMatchObject({ version: 'v26.03', reused: false, wiped: [first.id] });
  expect(readdirSync(join(dir, 'lightning/subdaemons')).sort()).toEqual(
    ['.lock', second.id, 'CACHEDIR.TAG', 'current'].sort(),
  );
  expect(readlinkSync(join(dir, 'lightning/subdaemons/current'))).toBe(second.id);
});

test('a source rewritten with the same size and mtime is found', () => {
  const { installed, words } = makeWorld();
  const first = snapshotJson(['--method=copy', ...words]);
  const plugin = join(installed.libexec, 'plugins/clnrest/requirements.txt');
  const { atime, mtime } = statSync(plugin);
  const bytes = readFileSync(plugin);
  bytes[0] = bytes[0]! ^ 1;
  writeFileSync(plugin, bytes);
  utimesSync(plugin, atime, mtime);
  const second = snapshotJson(['--method=copy', ...words]);
  expect(second.id).not.toBe(first.id);
  expect(second.reused).toBe(false);
});

test('a source whose ctime moved is read again, and the snapshot kept where the content is the same', () => {
  const { installed, words } = makeWorld();
  const first = snapshotJson(words);
  chmodSync(installed.lightningd, statSync(installed.lightningd).mode);
  expect(snapshotJson(words)).toMatchObject({ id: first.id, reused: true });
  const steps = snapshotJson(words).steps.map(({ step }: { step: string }) => step);
  expect(steps).not.toContain('prove-by-hash'); // what was hashed then is on record now
});

test.each<[string, (path: string) => void]>([
  ['a manifest with another version', path => rewrite(join(path, 'manifest.json'), 'v25.12', 'v26.03')],
  ['a manifest that was cut short', path => writeFileSync(join(path, 'manifest.json'), '{')],
  ['a manifest that is a FIFO', path => replaceByFifo(join(path, 'manifest.json'))],
  ['SHA256SUMS with another digest', path => rewrite(join(path, 'SHA256SUMS'), /^../, 'zz')],
  ['no SHA256SUMS', path => rmSync(join(path, 'SHA256SUMS'))],
])('%s: the next launch builds anew', (_what, damage) => {
  const { words } = makeWorld();
  const { path } = snapshotJson(words);
  damage(path);
  const next = snapshotJson(words);
  expect(next).toMatchObject({ path, reused: false });
  expect(holdfast(['verify', next.path]).status).toBe(0);
});

function rewrite(file: string, from: string | RegExp, to: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));
}

function replaceByFifo(file: string): void {
  rmSync(file);
  execFileSync('mkfifo', [file]);
}

test('a record that names paths with NULs is no record', () => {
  const { words, lightningDir } = makeWorld();
  const { path, id } = snapshotJson(words);
  rewrite(join(path, '.record.json'), 'usr/bin/', 'usr/b\\u0000in/');
  const { status, stderr } = holdfast(['status', `--lightning-dir=${lightningDir}`]);
  expect([status, stderr]).toEqual([0, '']);
  expect(snapshotJson(words).id).toBe(id);
});

test('a damaged snapshot is not believed: it is wiped and built again', () => {
  const { words } = makeWorld();
  const first = snapshotJson(['--method=copy', ...words]);
  const openingd = join(first.path, 'libexec/c-lightning/lightning_openingd');
  const bytes = readFileSync(openingd);
  bytes[100] = bytes[100]! ^ 1;
  writeFileSync(openingd, bytes);
  const second = snapshotJson(['--method=copy', ...words]);
  expect(second).toMatchObject({ id: first.id, reused: false });
  expect(second.wiped).toContain(first.id);
});

test('a file that somebody put among the plugins of a snapshot is not run: the snapshot is built again', () => {
  const { words } = makeWorld();
  const first = snapshotJson(words);
  writeFileSync(join(first.path, 'libexec/c-lightning/plugins/evil'), '#!/bin/sh\n', { mode: 0o755 });
  expect(snapshotJson(words)).toMatchObject({ id: first.id, reused: false });
  expect(existsSync(join(first.path, 'libexec/c-lightning/plugins/evil'))).toBe(false);
});

test("an interpreter's __pycache__ in a snapshot is no damage", () => {
  const { words } = makeWorld();
  const first = snapshotJson(words);
  mkdirSync(join(first.path, 'libexec/c-lightning/plugins/clnrest/__pycache__'));
  expect(snapshotJson(words)).toMatchObject({ id: first.id, reused: true });
});

test('the same content has the same root wherever it lies', () => {
  const { dir, installed, words } = makeWorld();
  const { root, path } = snapshotJson(words);
  renameSync(installed.prefix, join(dir, 'moved'));
  for (const where of [
    join(dir, 'moved'),
    join(dir, 'moved/bin/lightningd'),
    path,
    join(path, 'manifest.json'),
  ]) {
    expect(holdfast(['root', where])).toMatchObject({ status: 0, stdout: `${root}\n`, stderr: '' });
  }
});

test('--expect-root refuses any other root with status 1, and leaves the store as it was', () => {
  const { words, lightningDir } = makeWorld();
  const { root } = snapshotJson(words);
  expect(holdfast(['snapshot', `--expect-root=${root}`, ...words])).toMatchObject({ status: 0 });
  const before = fingerprint(lightningDir);
  const refused = holdfast(['snapshot', '--json', `--expect-root=${'0'.repeat(64)}`, ...words]);
  expect(refused.status).toBe(1);
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'ROOT_MISMATCH' } });
  expect(fingerprint(lightningDir)).toEqual(before);
});

test.each([
  [
    'a symbolic link',
    (path: string) => symlinkSync(mkdirSync(`${path}-elsewhere`, { recursive: true })!, path),
  ],
  ['a file', (path: string) => writeFileSync(path, 'mine')],
  [
    "somebody's notes.txt in it",
    (path: string) => {
      mkdirSync(path);
      writeFileSync(join(path, 'notes.txt'), 'mine');
    },
  ],
])('with %s at its place, the store is refused and untouched', (_what, make) => {
  const { words, lightningDir } = makeWorld();
  mkdirSync(lightningDir);
  make(join(lightningDir, 'subdaemons'));
  const before = fingerprint(lightningDir);
  const called = holdfast(['snapshot', ...words]);
  expect(called.status).toBe(2);
  expect(called.stderr).toContain(join(lightningDir, 'subdaemons'));
  expect(holdfast(['run', ...words]).status).toBe(125);
  expect(fingerprint(lightningDir)).toEqual(before);
});

test('what a killed launch left is wiped by the next, and nothing else', () => {
  const { words, lightningDir } = makeWorld();
  const { id } = snapshotJson(words);
  const store = join(lightningDir, 'subdaemons');
  ensureDirSync(join(store, '.staging-99999-0badcafe/bin'));
  writeFileSync(join(store, '.staging-99999-0badcafe/bin/lightningd'), 'half');
  symlinkSync(id, join(store, '.staging-99998-0badcafe'));
  const again = snapshotJson(words);
  expect(again.reused).toBe(true);
  expect(again.wiped.sort()).toEqual(['.staging-99998-0badcafe', '.staging-99999-0badcafe']);
});

test('a backup by tar --exclude-caches leaves the snapshots out, and takes what lies beside them', () => {
  const { lightningDir, words } = makeWorld();
  snapshotJson(words);
  writeFileSync(join(lightningDir, 'config'), '');
  const { stdout } = spawnSync(
    'tar',
    ['--exclude-caches', '-C', lightningDir, '-cf', join(lightningDir, '../b.tar'), '-v', '.'],
    {
      encoding: 'utf8',
    },
  );
  expect(stdout.split('\n').filter(Boolean).sort()).toEqual([
    './',
    './config',
    './subdaemons/',
    './subdaemons/CACHEDIR.TAG',
  ]);
});

test('an ordinary user gets copies of what he may not link, and proves them at the next launch', ctx => {
  if (!isRoot) ctx.skip('needs root, to own what the ordinary user may not link');
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const home = join(dir, 'home');
  mkdirSync(home);
  chownSync(home, ORDINARY_USER, ORDINARY_USER);
  const words = [installed.lightningd, `--lightning-dir=${home}/lightning`];
  const first = snapshotJson(words, { user: ORDINARY_USER });
  expect(first.placements.hardlink).toBe(0);
  const lightningd = lstatSync(join(first.path, 'bin/lightningd'));
  expect([lightningd.uid, lightningd.mode & 0o7777]).toEqual([ORDINARY_USER, 0o755]);
  expect(snapshotJson(words, { user: ORDINARY_USER })).toMatchObject({ id: first.id, reused: true });
});

test.each([
  ['set-user-ID', 0o4755],
  ['writable by its group', 0o775],
  ['writable by others', 0o757],
])('a source that is %s is copied, never linked, and loses the bit', (_what, mode) => {
  const { installed, words } = makeWorld();
  const hsmtool = join(installed.prefix, 'bin/lightning-hsmtool');
  chmodSync(hsmtool, mode);
  const { path, placements } = snapshotJson(words);
  expect(placements.copy + placements.reflink).toBe(1);
  const placed = statSync(join(path, 'bin/lightning-hsmtool'));
  expect(placed.ino).not.toBe(statSync(hsmtool).ino);
  expect(placed.mode & 0o7777).toBe(0o755);
});

test('file capabilities that a copy loses are said, once, with the files that lost them', ctx => {
  const { installed, words } = makeWorld();
  const pay = join(installed.libexec, 'plugins/bcli');
  const set = spawnSync('setcap', ['cap_net_bind_service+ep', pay], { encoding: 'utf8' });
  if (set.error !== undefined || set.status !== 0) ctx.skip('setcap does not work here');
  const called = holdfast(['snapshot', '--method=copy', ...words]);
  expect(called.stderr).toMatch(/^holdfast: warning: these lost their file capabilities.*plugins\/bcli'\n$/);
  expect(holdfast(['snapshot', '--method=copy', ...words]).stderr).toBe('');
});

test('--method=hardlink fails where a file may not be linked, and leaves no staging behind', () => {
  const { installed, words, lightningDir } = makeWorld();
  chmodSync(join(installed.prefix, 'bin/lightning-hsmtool'), 0o4755);
  const called = holdfast(['snapshot', '--method=hardlink', ...words]);
  expect(called.status).toBe(2);
  expect(called.stderr).toMatch(/cannot place '.*lightning-hsmtool' by hardlink: it is set-user-ID/);
  expect(readdirSync(join(lightningDir, 'subdaemons'))).toEqual(['.lock']);
});

test("root does not leave a snapshot in another user's lightning-dir", ctx => {
  if (!isRoot) ctx.skip('needs root');
  const { words, lightningDir } = makeWorld();
  mkdirSync(lightningDir);
  chownSync(lightningDir, ORDINARY_USER, ORDINARY_USER);
  const called = holdfast(['snapshot', ...words]);
  expect(called.status).toBe(2);
  const [, become] = /become that user: (.*) holdfast snapshot/.exec(called.stderr) ?? [];
  const id = spawnSync('sh', ['-c', `${become} id -u`], { encoding: 'utf8' }); // what is said can be typed
  expect(id.stdout).toBe(`${ORDINARY_USER}\n`);
  expect(readdirSync(lightningDir)).toEqual([]);
});

test('a name full of spaces, quotes and newlines is only a name', () => {
  const dir = join(tempDir(), `a 'strange'\n"place"`);
  mkdirSync(dir);
  const installed = makeCInstallation(dir, 'v25.12');
  writeFileSync(join(installed.libexec, "plugins/clnrest/new\nline 'and' quote"), '');
  ageDirectories(installed.prefix);
  const result = snapshotJson([installed.lightningd, `--lightning-dir=${dir}/lightning dir`]);
  expect(result.path.startsWith(`${dir}/lightning dir/subdaemons/`)).toBe(true);
  execFileSync('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], { cwd: result.path });
});

test('twenty launches at the same moment agree on one snapshot, and leave no staging', async () => {
  const { words, lightningDir } = makeWorld();
  const { spawn } = await import('node:child_process');
  const ended = await Promise.all(
    Array.from({ length: 20 }, () => {
      const child = spawn(HOLDFAST, ['snapshot', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
      let [said, complaint] = ['', ''];
      child.stdout.on('data', text => (said += text));
      child.stderr.on('data', text => (complaint += text)); // that it waits for another, when it waits long
      return new Promise<string>(resolve =>
        child.once('close', status => resolve(status === 0 ? said.trim() : complaint)),
      );
    }),
  );
  expect(new Set(ended).size).toBe(1);
  const names = readdirSync(join(lightningDir, 'subdaemons')).sort();
  expect(names).toEqual(['.lock', ended[0]!.split('/').at(-1), 'CACHEDIR.TAG', 'current'].sort());
});

test('whatever the umask, the store is as every launch wants it, and the snapshot verifies', () => {
  for (const umask of ['002', '077', '000']) {
    const { words, lightningDir } = makeWorld();
    const under = ['-c', `umask ${umask}; exec "$0" "$@"`, HOLDFAST, 'snapshot', '--json', ...words];
    const { status, stdout } = spawnSync('sh', under, { encoding: 'utf8' });
    expect([umask, status]).toEqual([umask, 0]);
    expect(statSync(join(lightningDir, 'subdaemons')).mode & 0o7777).toBe(0o755);
    const { path } = JSON.parse(stdout);
    expect(holdfast(['verify', path]).status).toBe(0);
    for (const file of [join(path, '.record.json'), join(lightningDir, 'subdaemons/CACHEDIR.TAG')])
      expect([umask, file, statSync(file).mode & 0o7777]).toEqual([umask, file, 0o644]); // another user's status reads it
    expect(snapshotJson(words).reused).toBe(true);
  }
});

test('not a Core Lightning: the error says what was looked for', () => {
  const dir = tempDir();
  const called = holdfast(['snapshot', '/bin/ls', `--lightning-dir=${dir}/lightning`]);
  expect(called.status).toBe(2);
  expect(called.stderr).toMatch(/\/bin\/ls/);
  expect(called.stderr).not.toMatch(/at .*\.cjs/);
  expect(existsSync(join(dir, 'lightning/subdaemons/current'))).toBe(false);
});

test('a failed snapshot prints its error as JSON where JSON was asked for', () => {
  const called = holdfast(['snapshot', '--json', '/no/such/lightningd']);
  expect(called.status).toBe(2);
  expect(JSON.parse(called.stdout)).toMatchObject({
    error: { code: 'NOT_FOUND', path: '/no/such/lightningd' },
  });
});

test('snapshot, root and noexec-check print what their schemas say', () => {
  const { words, installed, lightningDir } = makeWorld();
  const snapshot = readJson('snapshot', holdfast(['snapshot', '--json', ...words]).stdout);
  expect(readJson('root', holdfast(['root', '--json', installed.prefix]).stdout)).toMatchObject({
    kind: 'installation',
    root: snapshot.root,
  });
  const called = holdfast(['noexec-check', '--json', `--lightning-dir=${lightningDir}`]);
  expect(readJson('noexec-check', called.stdout)).toMatchObject({ holds: 'yes' });
  expect(called.status).toBe(0);
  expect(readJson('root', holdfast(['root', '--json', '/no/such/place']).stdout)).toHaveProperty('error');
});

test('a result that cannot be written is a failure, and said', ctx => {
  if (!existsSync('/dev/full')) ctx.skip('there is no /dev/full');
  const { words } = makeWorld();
  const program = join(import.meta.dirname, '../../bin/holdfast');
  const called = spawnSync('sh', ['-c', '"$0" snapshot "$@" >/dev/full', program, ...words], {
    encoding: 'utf8',
  });
  expect(called.status).toBe(2);
  expect(called.stderr).toMatch(
    /^holdfast: cannot write the result to '\/dev\/stdout': no space left on device/,
  );
});

test('a reader that is gone is no failure of ours', () => {
  const called = spawnSync('sh', ['-c', `"$0" --help | :`, join(import.meta.dirname, '../../bin/holdfast')], {
    encoding: 'utf8',
  });
  expect(called.stderr).toBe('');
});
