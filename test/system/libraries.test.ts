/** Held libraries, from outside: a node goes on whatever becomes of the system's. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync, readJsonSync } from 'fs-extra/esm';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { HOLDFAST, holdfast, ORDINARY_USER, snapshotJson } from '../helpers/holdfast.ts';
import {
  breakLibraries,
  currentOf,
  libraryPathOf,
  makeNeeding,
  mapped,
  type Needing,
  removeLibraries,
  SONAMES,
} from '../helpers/libraries.ts';
import { until, works } from '../helpers/running.ts';
import {
  childrenOf,
  endAfterTest,
  makeCInstallation,
  makeLibraries,
  type Node,
  noCompiler,
  nodeAt,
  start,
  startNode,
  tempDir,
} from '../helpers/stand-in.ts';

const isRoot = process.geteuid?.() === 0;
const asUser = (user: number | undefined): string[] =>
  user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'];

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

/** Ways to run a node that must not matter. */
const WAYS: Readonly<
  Record<string, { readonly own?: string[]; readonly user?: number; readonly args?: string[] }>
> = {
  'as ourselves': {},
  'by copies': { own: ['--method=copy'] },
  confined: { own: ['--confine=best-effort'] },
  pinned: { own: ['--method=pin'] },
  ...(isRoot ? { 'an ordinary user': { user: ORDINARY_USER } } : {}),
};

function startHeld({ installed }: Needing, lightningDir: string, way: (typeof WAYS)[string] = {}) {
  if (way.user !== undefined) {
    mkdirSync(lightningDir, { mode: 0o700 });
    chownSync(lightningDir, way.user, way.user);
  }
  return startNode(installed, lightningDir, {
    command: [...asUser(way.user), HOLDFAST, 'run', ...(way.own ?? []), installed.lightningd],
    args: way.args ?? [],
  });
}

/** Ten openings, another subdaemon that stays, and a plugin: what a node may start at any moment of its life. */
async function goesOn(node: Node): Promise<void> {
  for (let n = 0; n < 10; n++) expect(node.cli('open'), node.output()).toMatchObject({ status: 0 });
  const pid = Number(/^ok v\S+ (\d+)$/m.exec(node.cli('spawn', 'channeld').stdout)?.[1]);
  await until('the subdaemon to be loaded', () => mapped(pid, 'libdeep').length > 0);
  const before = new Set(childrenOf(node.pid));
  node.cli('plugin', 'autoclean');
  const fresh = () => childrenOf(node.pid).find(child => !before.has(child));
  await until('the plugin to be loaded', () => mapped(fresh() ?? node.pid, 'libdeep').length > 0);
  expect(fresh()).toBeDefined();
}

describe.each(Object.entries(WAYS))('%s', (_name, way) => {
  test('libraries that are removed, then replaced by ones that abort, are nothing to the node', async () => {
    const dir = tempDir();
    const needing = makeNeeding(dir);
    const node = await startHeld(needing, join(dir, 'lightning'), way);
    removeLibraries(needing.libraryDir);
    await goesOn(node);
    breakLibraries(needing.libraryDir);
    await goesOn(node);
    const verify = holdfast(['verify', '--running', `--lightning-dir=${join(dir, 'lightning')}`]);
    expect(verify, verify.stdout).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('2 libraries held'),
    });
    node.cli('stop');
    await node.ended;
  });
});

test('so they are where memory may not be both writable and executable, as in a hardened unit', async ctx => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const strangely = join(dir, 'strangely');
  const source = join(import.meta.dirname, '../../fixtures/start-strangely.c');
  const { status, stderr } = spawnSync('cc', ['-w', '-o', strangely, source], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  const wrapped = [strangely, 'mdwe', 'no-new-privs', '--'];
  if (!works(strangely, 'mdwe', '--', '/bin/true')) ctx.skip('this kernel has no PR_SET_MDWE');
  const node = await startNode(needing.installed, join(dir, 'lightning'), {
    command: [...wrapped, HOLDFAST, 'run', needing.installed.lightningd],
  });
  removeLibraries(needing.libraryDir);
  await goesOn(node);
  breakLibraries(needing.libraryDir);
  await goesOn(node);
});

test('with --libraries=leave the next opening fails: that is what is held against', async () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const node = await startHeld(needing, join(dir, 'lightning'), { own: ['--libraries=leave'] });
  expect(libraryPathOf(node.pid)).toBeUndefined();
  expect(existsSync(join(currentOf(join(dir, 'lightning')), 'libraries.json'))).toBe(false);
  removeLibraries(needing.libraryDir);
  expect(node.cli('open').stdout).toContain('error');
});

test('a lightningd that re-executes itself goes on with the same libraries', async () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const { libexec } = makeCInstallation(join(dir, 'next'), 'v26.03', { plugins: 0 });
  const lightningDir = join(dir, 'lightning');
  const args = [`--subdaemon=dualopend:${join(libexec, 'lightning_dualopend')}`];
  const node = await startHeld(needing, lightningDir, { args });
  breakLibraries(needing.libraryDir);
  node.cli('spawn', 'dualopend'); // of another version: the node restarts itself
  await until('the node to restart', () => node.output().includes('restarting'));
  await until('the node to answer again', () => node.cli('getinfo').status === 0);
  await goesOn(node);
});

test('--daemon: the child goes on with them', async () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const lightningDir = join(dir, 'lightning');
  const args = [`--lightning-dir=${lightningDir}`, '--daemon'];
  const running = start(HOLDFAST, ['run', needing.installed.lightningd, ...args]);
  expect(await running.ended).toBe(0);
  const node = nodeAt(needing.installed, lightningDir, [], running);
  await until('the daemon to answer', () => node.cli('getinfo').status === 0);
  const { pid } = node.info();
  endAfterTest(pid);
  breakLibraries(needing.libraryDir);
  for (let n = 0; n < 10; n++) expect(node.cli('open')).toMatchObject({ status: 0 });
  expect(mapped(pid, 'libdeep')).toEqual([join(currentOf(lightningDir), '.libraries/libdeep.so.2')]);
  node.cli('stop');
});

test('where the lightning-dir is noexec they are held in the fallback', async ctx => {
  if (!isRoot) ctx.skip('needs root, to mount a noexec file system');
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const data = join(dir, 'data');
  mkdirSync(data);
  const options = ['-t', 'tmpfs', '-o', 'noexec', 'holdfast-test', data];
  if (spawnSync('mount', options).status !== 0) ctx.skip('mount(2) is not permitted here');
  onTestFinished(() => void spawnSync('umount', ['--lazy', data]));
  const cache = spawnSync('mktemp', ['-d', '/var/tmp/holdfast-test-XXXXXX'], { encoding: 'utf8' });
  onTestFinished(() => void spawnSync('rm', ['-rf', cache.stdout.trim()]));
  const node = await startNode(needing.installed, join(data, 'lightning'), {
    command: [HOLDFAST, 'run', needing.installed.lightningd],
    env: { ...process.env, CACHE_DIRECTORY: cache.stdout.trim() },
  });
  breakLibraries(needing.libraryDir);
  await goesOn(node);
});

test('the variable leads the programs of the snapshot to what is held, and every other program nowhere', async () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const lightningDir = join(dir, 'lightning');
  // an operator's plugin that needs the same library, from where it lies
  const outside = join(lightningDir, 'plugins/outside');
  ensureDirSync(join(lightningDir, 'plugins'));
  copyFileSync(join(needing.installed.libexec, 'plugins/autoclean'), outside);
  chmodSync(outside, 0o755);
  const node = await startHeld(needing, lightningDir);
  expect(libraryPathOf(node.pid)).toBe('$ORIGIN/.libraries');
  const own = SONAMES.map(name => join(currentOf(lightningDir), '.libraries', name));
  const exeOf = (pid: number) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  const children = childrenOf(node.pid);
  await until('all to be loaded', () => children.every(pid => mapped(pid, 'libdeep').length > 0));
  for (const pid of [node.pid, ...children]) {
    const libraries = [...mapped(pid, 'libdeep'), ...mapped(pid, 'libstandin')];
    if (exeOf(pid) !== 'outside') expect(libraries, exeOf(pid)).toEqual(own);
    else expect(libraries.every(path => path.startsWith(needing.libraryDir))).toBe(true);
  }
  expect(children.map(exeOf)).toContain('outside');
});

test('python, and whatever else lightningd starts, maps what it maps without it', async ctx => {
  const python = '/usr/bin/python3';
  if (!works(python, '-c', '0')) ctx.skip('no /usr/bin/python3 here');
  const script = 'import hashlib, ssl; print(open("/proc/self/maps").read())';
  const files = (LD_LIBRARY_PATH?: string) => {
    const { stdout } = spawnSync(python, ['-c', script], {
      encoding: 'utf8',
      env: LD_LIBRARY_PATH === undefined ? {} : { LD_LIBRARY_PATH },
    });
    return [...new Set(stdout.split('\n').map(line => line.slice(73)))].filter(path => path.startsWith('/'));
  };
  expect(files('$ORIGIN/.libraries').sort()).toEqual(files().sort());
});

test("the caller's own LD_LIBRARY_PATH comes behind, and is asked by", async () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const own = join(dir, 'own');
  makeLibraries(own, { version: 'own' });
  const lightningDir = join(dir, 'lightning');
  const node = await startNode(needing.installed, lightningDir, {
    command: [HOLDFAST, 'run', needing.installed.lightningd],
    env: { ...process.env, LD_LIBRARY_PATH: own },
  });
  expect(libraryPathOf(node.pid)).toBe(`$ORIGIN/.libraries:${own}`);
  const listed = readJsonSync(join(currentOf(lightningDir), 'libraries.json'));
  expect(listed.libraries.map(({ path }: { path: string }) => path)).toEqual([
    join(own, 'libdeep.so.2.1'),
    join(own, 'libstandin.so.1.0.0'),
  ]);
});

test('two networks in one lightning-dir with libraries of their own each keep theirs', async () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const dirs = ['one', 'two'].map(name => join(dir, name));
  for (const [n, own] of dirs.entries()) makeLibraries(own, { version: `network ${n}` });
  const lightningDir = join(dir, 'lightning');
  const nodes: Node[] = [];
  for (const [n, network] of ['regtest', 'signet'].entries()) {
    const env = { ...process.env, LD_LIBRARY_PATH: dirs[n] };
    const command = [HOLDFAST, 'run', needing.installed.lightningd];
    nodes.push(
      await startNode(needing.installed, lightningDir, { command, args: [`--network=${network}`], env }),
    );
  }
  const snapshots = nodes.map(({ pid }) => mapped(pid, 'libdeep')[0]?.replace(/\/\.libraries.*/, ''));
  expect(new Set(snapshots).size).toBe(2);
  for (const own of [...dirs, needing.libraryDir]) breakLibraries(own);
  for (const node of nodes) await goesOn(node);
  expect(holdfast(['verify', `--lightning-dir=${lightningDir}`])).toMatchObject({ status: 0 });
});

test('a security update of a library alone makes a new snapshot, of the same root; the old one goes when nothing runs from it', async () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const lightningDir = join(dir, 'lightning');
  const words = [needing.installed.lightningd, `--lightning-dir=${lightningDir}`];
  const node = await startHeld(needing, lightningDir);
  const first = currentOf(lightningDir);
  expect(snapshotJson(words)).toMatchObject({ path: first, reused: true, libraries: { files: 2 } });
  makeLibraries(needing.libraryDir, { version: 'security fix' });
  const updated = snapshotJson(words);
  expect(updated).toMatchObject({ path: `${first}.1`, reused: false, wiped: [] });
  expect(snapshotJson(words)).toMatchObject({ path: `${first}.1`, reused: true });
  await goesOn(node);
  node.cli('stop');
  await node.ended;
  expect(snapshotJson(words)).toMatchObject({ reused: true, wiped: [first.split('/').at(-1)] });
});

test('a library that came back as it was is the same; where only the cache or a link moved, the loader is asked again', () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const words = [needing.installed.lightningd, `--lightning-dir=${join(dir, 'lightning')}`];
  const { id } = snapshotJson(words);
  makeLibraries(needing.libraryDir); // other inodes, the same content
  const steps = ({ steps: all }: { steps: { step: string }[] }) => all.map(({ step }) => step);
  const again = snapshotJson(words);
  expect(again).toMatchObject({ id, reused: true });
  expect(steps(again)).toContain('ask-loader');
  const unchanged = snapshotJson(words);
  expect(unchanged).toMatchObject({ id, reused: true });
  expect(steps(unchanged)).not.toContain('ask-loader');
});

test('--method=hardlink is about the installation: a library that may not be linked is placed otherwise, and used again', () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const words = [
    '--method=hardlink',
    needing.installed.lightningd,
    `--lightning-dir=${join(dir, 'lightning')}`,
  ];
  const deep = join(needing.libraryDir, 'libdeep.so.2.1');
  chmodSync(deep, 0o775); // never linked, as the system's libraries never are by an ordinary user
  const called = holdfast(['snapshot', '--json', '--verbose', ...words]);
  expect(called.status, called.stdout).toBe(0);
  expect(called.stderr).toMatch(
    new RegExp(`a library cannot be had by hardlink: '${deep}' by (copy|reflink)\n`),
  );
  const { path, files, placements, libraries } = JSON.parse(called.stdout);
  expect({ libraries: libraries.files, placements }).toEqual({
    libraries: 2,
    placements: { hardlink: files, reflink: 0, copy: 0 },
  });
  expect(snapshotJson(words)).toMatchObject({ path, reused: true });
  expect(holdfast(['verify', path]).status).toBe(0);
});

test('hold and leave do not use each other’s snapshots', () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const words = [needing.installed.lightningd, `--lightning-dir=${join(dir, 'lightning')}`];
  const held = snapshotJson(words);
  const left = snapshotJson(['--libraries=leave', ...words]);
  expect(left).toMatchObject({ root: held.root, reused: false, libraries: null });
  expect(existsSync(join(left.path, '.libraries'))).toBe(false);
  expect(snapshotJson(words)).toMatchObject({ root: held.root, reused: false, libraries: { files: 2 } });
});

test('a library that is missing is refused by the gate, with program and library; --no-gate takes it', () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  removeLibraries(needing.libraryDir);
  const words = [needing.installed.lightningd, `--lightning-dir=${join(dir, 'lightning')}`];
  const refused = holdfast(['snapshot', '--settle=0', ...words]);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain("'libstandin.so.1' cannot be had");
  expect(refused.stderr).toMatch(/bin\/lightningd +libstandin\.so\.1: cannot open shared object file/);
  expect(refused.stderr).toMatch(/plugins\/bcli +libstandin\.so\.1/);
  expect(readdirSync(join(dir, 'lightning/subdaemons')).filter(name => name !== '.lock')).toEqual([]);
  const taken = holdfast(['snapshot', '--no-gate', ...words]);
  expect(taken.stderr).toMatch(/cannot be had; bin\/lightningd: libstandin\.so\.1: /);
  expect(taken).toMatchObject({ status: 0, stderr: expect.stringContaining('cannot be loaded') });
});

test('a library that comes back while an upgrade settles is waited for', async () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  removeLibraries(needing.libraryDir);
  const words = ['snapshot', needing.installed.lightningd, `--lightning-dir=${join(dir, 'lightning')}`];
  const waiting = start(HOLDFAST, words);
  await until('it to wait', () => waiting.output().includes('waiting up to'));
  makeLibraries(needing.libraryDir);
  expect(await waiting.ended).toBe(0);
});

test('an archive’s programs hold the system’s libraries too', () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const archive = join(dir, 'release.tar');
  spawnSync('tar', ['-C', dir, '-cf', archive, './usr']);
  const words = [`--from=${archive}`, '--', `--lightning-dir=${join(dir, 'lightning')}`];
  const taken = snapshotJson(words);
  expect(taken).toMatchObject({ libraries: { files: 2 }, reused: false });
  expect(snapshotJson(words)).toMatchObject({ id: taken.id, reused: true });
  makeLibraries(needing.libraryDir, { version: 'security fix' });
  expect(snapshotJson(words)).toMatchObject({ root: taken.root, reused: false });
});

test('export leaves them out', () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const { path } = snapshotJson([needing.installed.lightningd, `--lightning-dir=${join(dir, 'lightning')}`]);
  const file = join(dir, 'exported.tar.gz');
  expect(holdfast(['export', path, file])).toMatchObject({ status: 0 });
  const { stdout } = spawnSync('tar', ['-tzf', file], { encoding: 'utf8' });
  expect(stdout).toContain('bin/lightningd');
  expect(stdout).not.toMatch(/librar/);
});

test('a snapshot that an older holdfast took is built anew', () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const words = [needing.installed.lightningd, `--lightning-dir=${join(dir, 'lightning')}`];
  const old = snapshotJson(['--libraries=leave', ...words]);
  const record = join(old.path, '.record.json');
  const text = readFileSync(record, 'utf8');
  writeFileSync(record, text.replace(/holdfast-record\/\d+/, 'holdfast-record/1'));
  expect(holdfast(['verify', old.path])).toMatchObject({ status: 0 });
  expect(snapshotJson(words)).toMatchObject({ root: old.root, reused: false, libraries: { files: 2 } });
});

test('a program with file capabilities is said: the loader heeds no LD_LIBRARY_PATH then', ctx => {
  if (!isRoot) ctx.skip('needs root, to give file capabilities');
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const hsmd = join(needing.installed.libexec, 'lightning_hsmd');
  const given = spawnSync('setcap', ['cap_ipc_lock=ep', hsmd], { encoding: 'utf8' });
  if (given.status !== 0) ctx.skip(`setcap: ${given.stderr || given.error?.message}`);
  const words = [needing.installed.lightningd, `--lightning-dir=${join(dir, 'lightning')}`];
  const { stderr } = holdfast(['snapshot', ...words]);
  expect(stderr).toContain(
    `load the system's libraries, not what is held, for their file capabilities: '${hsmd}'`,
  );
});

test('a program with DT_RPATH that leads to a library of its own is said', () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const program = join(needing.installed.libexec, 'plugins/bcli');
  const image = readFileSync(program);
  // DT_RUNPATH becomes DT_RPATH: the tag alone differs (elf(5))
  const tag = Buffer.alloc(8);
  tag.writeBigUInt64LE(29n);
  const rpath = Buffer.alloc(8);
  rpath.writeBigUInt64LE(15n);
  for (let at = image.indexOf(tag); at !== -1; at = image.indexOf(tag, at + 1))
    if (at % 8 === 0) rpath.copy(image, at);
  writeFileSync(program, image);
  const words = [needing.installed.lightningd, `--lightning-dir=${join(dir, 'lightning')}`];
  const { stderr, status } = holdfast(['snapshot', '--no-gate', ...words]);
  expect(status, stderr).toBe(0);
  expect(stderr).toMatch(/plugins\/bcli' has DT_RPATH, which comes first: it loads libstandin\.so\.1/);
});

test('pinned libraries need a store whose path the loader takes as one; --libraries=leave does without', async () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const store = `--snapshot-dir=${join(dir, 'a:b')}`;
  const words = [store, needing.installed.lightningd, `--lightning-dir=${join(dir, 'lightning')}`];
  const refused = holdfast(['run', '--method=pin', ...words]);
  expect(refused).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('cannot hold libraries of pinned'),
  });
  const node = await startNode(needing.installed, join(dir, 'lightning'), {
    command: [HOLDFAST, 'run', '--method=pin', '--libraries=leave', store, needing.installed.lightningd],
  });
  expect(libraryPathOf(node.pid)).toBeUndefined();
});

test('a library replaced by rename over and over while launches go on: each has one set, or tries again', async () => {
  const dir = tempDir();
  const needing = makeNeeding(dir);
  const sets = ['first', 'second'];
  const digests = new Map<string, string>();
  for (const version of sets) {
    makeLibraries(needing.libraryDir, { version });
    const taken = snapshotJson([needing.installed.lightningd, `--lightning-dir=${join(dir, version)}`]);
    const { libraries } = readJsonSync(join(taken.path, 'libraries.json'));
    for (const { sha256 } of libraries) digests.set(sha256, version);
  }
  expect(digests.size).toBe(4);
  let swapping = true;
  const swap = (async () => {
    for (let n = 0; swapping; n++) {
      makeLibraries(needing.libraryDir, { version: sets[n % 2] ?? '' });
      await new Promise(resolve => setTimeout(resolve, 100 + 50 * (n % 5)));
    }
  })();
  try {
    for (let n = 0; n < 8; n++) {
      const lightningDir = `--lightning-dir=${join(dir, `race-${n}`)}`;
      const launch = start(HOLDFAST, ['snapshot', '--settle=2', needing.installed.lightningd, lightningDir]);
      const status = await launch.ended;
      expect([0, 1], launch.output()).toContain(status);
      if (status !== 0) continue; // it never settled: that is said, and nothing is taken
      const path = currentOf(join(dir, `race-${n}`));
      const { libraries } = readJsonSync(join(path, 'libraries.json'));
      // makeLibraries renames one after the other: between the two renames the set is mixed on the disk as well
      expect(libraries.every(({ sha256 }: { sha256: string }) => digests.has(sha256))).toBe(true);
      expect(holdfast(['verify', path])).toMatchObject({ status: 0 });
    }
  } finally {
    swapping = false;
    await swap;
  }
});
