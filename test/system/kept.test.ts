/** Owners, modes, names and links are part of the proof: a snapshot of which one was changed is not used again. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { ensureDirSync } from 'fs-extra/esm';
import { beforeEach, expect, test } from 'vitest';
import { tried } from '../helpers/fuzz.ts';
import { holdfast, ORDINARY_USER, snapshotJson } from '../helpers/holdfast.ts';
import { ageDirectories, makeCInstallation, makeWorld, noCompiler, tempDir } from '../helpers/stand-in.ts';

const NOT_ROOT = 'only root can give files away';
const isRoot = process.geteuid?.() === 0;

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

const SUBDAEMON = 'libexec/c-lightning/lightning_openingd';

function chmodAll(snapshot: string, mode: number): void {
  for (const path of readdirSync(snapshot, { recursive: true, encoding: 'utf8' })) {
    if (lstatSync(join(snapshot, path)).isFile()) chmodSync(join(snapshot, path), mode);
  }
}

/** What somebody does to a snapshot of copies. */
const HARM: readonly [string, (snapshot: string) => void][] = [
  ['a subdaemon that is no program any more', at => chmodSync(join(at, SUBDAEMON), 0o644)],
  [
    'a data file that is a program',
    at => chmodSync(join(at, dirname(SUBDAEMON), 'plugins/clnrest/requirements.txt'), 0o755),
  ],
  ['chmod 600 of all files', at => chmodAll(at, 0o600)],
  ['a file that the group may write', at => chmodSync(join(at, SUBDAEMON), 0o775)],
  ['a set-user-ID file', at => chmodSync(join(at, SUBDAEMON), 0o4755)],
  ['a directory that all may write', at => chmodSync(join(at, dirname(SUBDAEMON)), 0o777)],
  ['its top directory that all may write', at => chmodSync(at, 0o777)],
  ['a directory that others may not enter', at => chmodSync(join(at, dirname(SUBDAEMON)), 0o700)],
  ['a manifest that the group may write', at => chmodSync(join(at, 'manifest.json'), 0o664)],
  ['a record that others may write', at => chmodSync(join(at, '.record.json'), 0o666)],
];

test.each(HARM)('%s: the snapshot is built anew', (_what, harm) => {
  const { words } = makeWorld();
  const first = snapshotJson(['--method=copy', ...words]);
  harm(first.path);
  const next = snapshotJson(['--method=copy', ...words]);
  expect(next).toMatchObject({ id: first.id, reused: false });
  expect(holdfast(['verify', next.path])).toMatchObject({ status: 0, stderr: '' });
  expect(snapshotJson(['--method=copy', ...words])).toMatchObject({ id: first.id, reused: true });
});

test.for([
  ['a file', SUBDAEMON],
  ['a directory', dirname(SUBDAEMON)],
  ['its top directory', '.'],
  ['the record', '.record.json'],
])('%s that belongs to another user: the snapshot is built anew', ([, path = ''], ctx) => {
  if (!isRoot) ctx.skip(NOT_ROOT);
  const { words } = makeWorld();
  const first = snapshotJson(['--method=copy', ...words]);
  chownSync(join(first.path, path), ORDINARY_USER, ORDINARY_USER);
  expect(snapshotJson(['--method=copy', ...words])).toMatchObject({ id: first.id, reused: false });
});

test('root does not believe what another user says of a snapshot', ctx => {
  if (!isRoot) ctx.skip(NOT_ROOT);
  const { dir, words } = makeWorld();
  const store = join(dir, 'of-user');
  mkdirSync(store);
  chownSync(store, ORDINARY_USER, ORDINARY_USER);
  const place = `--snapshot-dir=${store}/subdaemons`;
  const first = snapshotJson([place, ...words], { user: ORDINARY_USER });
  expect(snapshotJson([place, ...words], { user: ORDINARY_USER })).toMatchObject({ reused: true });
  const second = snapshotJson([place, ...words]);
  expect(second).toMatchObject({ root: first.root, reused: false });
  expect(statSync(join(second.path, 'bin/lightningd')).uid).toBe(0);
});

/** What somebody does to the installation, which is hard-linked where that is possible. */
test.for<[string, (file: string) => void]>([
  ['that the group may write', file => chmodSync(file, 0o775)],
  ['that is set-user-ID', file => chmodSync(file, 0o4755)],
  ['that belongs to another user', file => chownSync(file, ORDINARY_USER, ORDINARY_USER)],
])('a source %s is not used through a link again: it is copied', ([what, harm], ctx) => {
  if (what.includes('belongs') && !isRoot) ctx.skip(NOT_ROOT);
  const { installed, words } = makeWorld();
  const first = snapshotJson(words);
  harm(join(installed.prefix, SUBDAEMON));
  const next = snapshotJson(words);
  expect(next).toMatchObject({ id: first.id, reused: false });
  expect(next.placements.copy).toBe(1);
  expect(statSync(join(next.path, SUBDAEMON)).mode & 0o7777).toBe(0o755);
});

test('a directory of the installation whose names changed while its mtime was put back is listed again', () => {
  const { installed, words } = makeWorld();
  const first = snapshotJson(words);
  const plugins = join(installed.libexec, 'plugins');
  const { atime, mtime } = statSync(plugins);
  cpSync(join(plugins, 'clnrest/requirements.txt'), join(plugins, 'added'));
  utimesSync(plugins, atime, mtime);
  expect(snapshotJson(words)).toMatchObject({ files: first.files + 1, reused: false });
});

test('a directory that was touched alone is listed, and no file read', () => {
  const { installed, words } = makeWorld();
  const first = snapshotJson(words);
  ageDirectories(installed.prefix);
  expect(snapshotJson(words)).toMatchObject({ id: first.id, reused: true });
  const { steps } = snapshotJson(words);
  expect(steps.map(({ step }: { step: string }) => step)).not.toContain('inspect');
});

/** Two versions side by side, and a link that leads to one of them. */
function makeTwo(dir: string) {
  const a = makeCInstallation(join(dir, 'a'), 'v25.12');
  const b = makeCInstallation(join(dir, 'b'), 'v26.03');
  return { a, b };
}

function turn(link: string, to: string): void {
  rmSync(link, { force: true });
  symlinkSync(to, link);
}

const old = (path: string) => execFileSync('touch', ['-h', '-d', '1 hour ago', path]);

test('a link within the installation that is turned to another version is seen', () => {
  const dir = tempDir();
  const { a, b } = makeTwo(dir);
  // libexec/c-lightning -> ../v/A, as some packages have it
  for (const [name, from] of [
    ['A', a],
    ['B', b],
  ] as const) {
    ensureDirSync(join(dir, 'usr/v'));
    renameSync(from.libexec, join(dir, 'usr/v', name));
  }
  mkdirSync(join(dir, 'usr/libexec'));
  renameSync(join(a.prefix, 'bin'), join(dir, 'usr/bin'));
  const link = join(dir, 'usr/libexec/c-lightning');
  turn(link, '../v/A');
  ageDirectories(join(dir, 'usr'));
  const words = ['--no-gate', join(dir, 'usr/bin/lightningd'), `--lightning-dir=${dir}/lightning`];
  const first = snapshotJson(words);
  expect(snapshotJson(words)).toMatchObject({ id: first.id, reused: true });
  const { atime, mtime } = statSync(dirname(link));
  turn(link, '../v/B');
  utimesSync(dirname(link), atime, mtime);
  old(link);
  const second = snapshotJson(words);
  expect(second.root).not.toBe(first.root);
});

test.each([
  [
    'a link to the directory of a version',
    (dir: string) => ({
      link: join(dir, 'current'),
      to: (x: string) => x,
      named: 'current/usr/bin/lightningd',
    }),
  ],
  [
    'a link to lightningd',
    (dir: string) => ({
      link: join(dir, 'lightningd'),
      to: (x: string) => `${x}/usr/bin/lightningd`,
      named: 'lightningd',
    }),
  ],
])(
  '%s by which it was named: once it is turned, the other version is taken, and status says so before',
  (_what, make) => {
    const dir = tempDir();
    makeTwo(dir);
    const { link, to, named } = make(dir);
    turn(link, to('a'));
    const lightningDir = join(dir, 'lightning');
    const words = [join(dir, named), `--lightning-dir=${lightningDir}`];
    const first = snapshotJson(words);
    turn(link, to('b'));
    const status = holdfast(['status', '--json', `--lightning-dir=${lightningDir}`]);
    expect(JSON.parse(status.stdout).installed).toMatchObject({ version: 'v26.03' });
    const second = snapshotJson(words);
    expect(second).toMatchObject({ version: 'v26.03', reused: false });
    expect(second.root).not.toBe(first.root);
  },
);

test('a recursive chmod of a snapshot by its own user is no reason to be down: it is built anew', ctx => {
  if (!isRoot) ctx.skip('root enters whatever the mode: it needs another user');
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const home = join(dir, 'home');
  mkdirSync(home);
  chownSync(home, ORDINARY_USER, ORDINARY_USER);
  const words = [installed.lightningd, `--lightning-dir=${join(home, 'lightning')}`];
  for (const mode of ['600', '000', '777', 'u+s']) {
    const { path, root } = snapshotJson(words, { user: ORDINARY_USER });
    execFileSync('chmod', ['-R', mode, path]);
    const next = snapshotJson(words, { user: ORDINARY_USER });
    expect(next).toMatchObject({ root, reused: false });
    expect(holdfast(['verify', next.path], { user: ORDINARY_USER }).status).toBe(0);
    execFileSync('chmod', ['-R', 'u=rwX,go=rX', path]); // so that the next launch can wipe it
  }
});

const FEW = process.env.HOLDFAST_FAULTS === 'all' ? 1000 : 12;

/** A change of mode or owner to one of the things below a directory, by its place in the list of all. */
const spoiling = fc.record({
  which: fc.double({ min: 0, max: 1, noNaN: true }),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  owner: fc.constantFrom(undefined, undefined, ORDINARY_USER),
});

function spoil(
  top: string,
  { which, mode, owner }: { which: number; mode: number; owner: number | undefined },
) {
  const paths = ['.', ...readdirSync(top, { recursive: true, encoding: 'utf8' })].sort();
  const path = join(top, paths[Math.floor(which * (paths.length - 1))] ?? '.');
  if (owner !== undefined && isRoot) chownSync(path, owner, owner);
  chmodSync(path, mode);
  return path;
}

function expectWellKept(snapshot: string): void {
  for (const path of readdirSync(snapshot, { recursive: true, encoding: 'utf8' })) {
    const { mode, uid } = lstatSync(join(snapshot, path));
    expect(mode & 0o6022, path).toBe(0);
    expect([0, process.geteuid?.()], path).toContain(uid);
  }
  const verified = holdfast(['verify', snapshot]);
  expect(verified.status, verified.stdout).toBe(0);
}

test('whatever modes and owners a snapshot is given, the next launch has one that is as it was made', ctx => {
  if (!isRoot) ctx.skip('root enters whatever the mode');
  const { words } = makeWorld();
  const { root } = snapshotJson(['--method=copy', ...words]);
  tried(FEW, fc.array(spoiling, { minLength: 1, maxLength: 3 }), changes => {
    const { path } = snapshotJson(['--method=copy', ...words]);
    for (const change of changes) spoil(path, change);
    const next = snapshotJson(['--method=copy', ...words]);
    expect(next.root).toBe(root);
    expectWellKept(next.path);
  });
});

test('whatever modes and owners an installation is given, no snapshot has what others may change', ctx => {
  if (!isRoot) ctx.skip('root enters whatever the mode');
  const { installed, words } = makeWorld();
  tried(FEW, spoiling, change => {
    snapshotJson(words);
    const path = spoil(installed.prefix, change);
    const isProgram = /\/bin\/|lightning_|plugins\//.test(path);
    const called = holdfast(['snapshot', '--json', '--settle=0', ...words]);
    if (called.status === 0) expectWellKept(JSON.parse(called.stdout).path);
    else
      expect([called.status, isProgram, called.stderr]).toEqual([
        expect.any(Number),
        true,
        expect.any(String),
      ]);
    chownSync(path, 0, 0);
    chmodSync(path, lstatSync(path).isDirectory() || isProgram ? 0o755 : 0o644);
  });
});
