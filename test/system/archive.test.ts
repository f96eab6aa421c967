/** Release archives through the real command line: run, snapshot, root with --from; export and back. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { beforeEach, expect, test } from 'vitest';
import { hostileArchives } from '../../fixtures/hostile/make.js';
import { HOLDFAST, holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { until } from '../helpers/running.ts';
import { readJson } from '../helpers/schema.ts';
import {
  ageDirectories,
  makeCInstallation,
  makePair,
  noCompiler,
  startNode,
  tempDir,
} from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

function makeRelease(dir = tempDir(), options: readonly string[] = []) {
  const installed = makeCInstallation(dir, 'v25.12');
  const archive = join(dir, 'clightning-v25.12.tar.gz');
  execFileSync('tar', ['-C', dir, ...options, '-czf', archive, './usr']);
  const lightningDir = join(dir, 'lightning');
  const words = [`--from=${archive}`, '--', `--lightning-dir=${lightningDir}`];
  return { dir, installed, archive, lightningDir, words };
}

const rootOf = (path: string) => holdfast(['root', path]).stdout.trim();
const namesIn = (lightningDir: string) =>
  readdirSync(join(lightningDir, 'subdaemons'))
    .filter(name => !['CACHEDIR.TAG', 'current'].includes(name))
    .sort()
    .concat(existsSync(join(lightningDir, 'subdaemons/current')) ? 'current' : []);
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

test('a node runs from an archive, with the PID it was started with, and nothing of it installed', async () => {
  const { dir, installed, archive, lightningDir } = makeRelease();
  const moved = { ...installed, cli: join(dir, 'cli') };
  copyFileSync(installed.cli, moved.cli);
  rmSync(installed.prefix, { recursive: true });
  const node = await startNode(moved, lightningDir, {
    command: [HOLDFAST, 'run', `--from=${archive}`, '--'],
  });
  const { pid, lightningd, version } = node.info();
  expect(pid).toBe(node.pid);
  expect(version).toBe('v25.12');
  expect(lightningd).toBe(
    join(
      lightningDir,
      'subdaemons',
      readlinkSync(join(lightningDir, 'subdaemons/current')),
      'bin/lightningd',
    ),
  );
});

test('the snapshot, the archive and the installation have one root; nothing but the snapshot stays', () => {
  const { installed, archive, lightningDir, words } = makeRelease();
  const { root, id, reused, version } = snapshotJson(words);
  expect({ reused, version }).toEqual({ reused: false, version: 'v25.12' });
  expect(rootOf(archive)).toBe(root);
  expect(rootOf(installed.prefix)).toBe(root);
  expect(namesIn(lightningDir)).toEqual(['.lock', id, 'current']);
  expect(holdfast(['verify', `--lightning-dir=${lightningDir}`]).status).toBe(0);
  expect(readJson('root', holdfast(['root', '--json', archive]).stdout).kind).toBe('archive');
});

test.each(['hardlink', 'copy'])('with --method=%s an unchanged archive is not unpacked again', method => {
  const { words, archive } = makeRelease();
  expect(snapshotJson([`--method=${method}`, ...words]).reused).toBe(false);
  const again = snapshotJson([`--method=${method}`, ...words]);
  expect(again.reused).toBe(true);
  expect(again.steps.map(({ step }: { step: string }) => step)).not.toContain('inspect');
  utimesSync(archive, 1, 1); // its identity moves, its content does not
  const touched = snapshotJson([`--method=${method}`, ...words]);
  expect(touched).toMatchObject({ reused: true, id: again.id });
  expect(touched.steps.map(({ step }: { step: string }) => step)).toContain('inspect');
  const settled = snapshotJson([`--method=${method}`, ...words]);
  expect(settled.steps.map(({ step }: { step: string }) => step)).not.toContain('inspect');
});

test('another release under the same name is seen', () => {
  const { dir, archive, words } = makeRelease();
  const before = snapshotJson(words);
  const { next } = makePair(join(dir, 'other'));
  execFileSync('tar', ['-C', join(next.prefix, '..'), '-czf', archive, './usr']);
  expect(snapshotJson(words)).toMatchObject({ reused: false, version: 'v26.03', wiped: [before.id] });
});

test('a snapshot of the archive that was damaged is built anew', () => {
  const { words } = makeRelease();
  const { path, id } = snapshotJson(words);
  appendFileSync(join(path, 'bin/lightning-cli'), 'x');
  expect(snapshotJson(words)).toMatchObject({ reused: false, id });
});

test('an archive that mixes versions is refused by the gate, at once, and taken with --no-gate', () => {
  const { dir, archive, words, lightningDir } = makeRelease();
  const { next } = makePair(join(dir, 'other'));
  copyFileSync(join(next.libexec, 'lightning_hsmd'), join(dir, 'usr/libexec/c-lightning/lightning_hsmd'));
  execFileSync('tar', ['-C', dir, '-czf', archive, './usr']);
  const called = holdfast(['snapshot', ...words]);
  expect(called).toMatchObject({ status: 1, stdout: '' });
  expect(called.stderr).toContain('lightning_hsmd');
  expect(called.stderr).not.toContain('--settle');
  expect(namesIn(lightningDir)).toEqual(['.lock']);
  expect(holdfast(['snapshot', '--no-gate', ...words]).status).toBe(0);
});

test('--sha256 and --sums check the archive first, with a proven snapshot too', () => {
  const { dir, archive, words, lightningDir } = makeRelease();
  const digest = sha256(archive);
  const wrong = digest.replace(/./g, c => (c === '0' ? '1' : '0'));
  expect(holdfast(['snapshot', `--sha256=${wrong}`, ...words])).toMatchObject({ status: 1, stdout: '' });
  expect(existsSync(lightningDir)).toBe(false);
  expect(holdfast(['run', `--sha256=${wrong}`, ...words]).status).toBe(125);
  const sums = join(dir, 'SHA256SUMS');
  writeFileSync(
    sums,
    `-----BEGIN PGP SIGNED MESSAGE-----\n\n${wrong}  other.tar.gz\n${digest}  clightning-v25.12.tar.gz\n`,
  );
  expect(holdfast(['snapshot', `--sha256=${digest.toUpperCase()}`, `--sums=${sums}`, ...words]).status).toBe(
    0,
  );
  const refused = holdfast(['snapshot', '--json', `--sha256=${wrong}`, ...words]);
  expect(refused.status).toBe(1);
  expect(JSON.parse(refused.stdout).error).toMatchObject({ code: 'DIFFERS', path: archive });
  writeFileSync(sums, `${wrong}  clightning-v25.12.tar.gz\n`);
  expect(holdfast(['snapshot', `--sums=${sums}`, ...words]).status).toBe(1);
  writeFileSync(sums, `${digest}  other.tar.gz\n`);
  expect(holdfast(['snapshot', `--sums=${sums}`, ...words])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('has no line'),
  });
  expect(holdfast(['snapshot', `--sha256=${digest}`, 'lightningd']).status).toBe(2);
});

test('of a clear-signed SHA256SUMS only what is within the signed block counts', () => {
  const { dir, archive, words } = makeRelease();
  const line = `${sha256(archive)}  clightning-v25.12.tar.gz`;
  const block = (...lines: string[]) =>
    `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${lines.join('\n')}\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n`;
  const other = `${'0'.repeat(64)}  other.tar.gz`;
  const cases: [text: string, status: number][] = [
    [block(other, line), 0],
    [block(`- ${line}`), 0], // dash-escaped
    [`${line}\n${block(other)}`, 2],
    [`${block(other)}${line}\n`, 2],
    [block(other).replace('Hash: SHA256', `${line}`), 2], // among the headers
    [`${block(other)}${block(line)}`, 2],
  ];
  for (const [text, status] of cases) {
    const sums = join(dir, 'SHA256SUMS.asc');
    writeFileSync(sums, text);
    expect([text, holdfast(['snapshot', `--sums=${sums}`, ...words]).status]).toEqual([text, status]);
  }
});

test('a FIFO or a device as SHA256SUMS is refused at once', () => {
  const { dir, words } = makeRelease();
  const fifo = join(dir, 'fifo');
  execFileSync('mkfifo', [fifo]);
  for (const sums of [fifo, '/dev/zero']) {
    expect(holdfast(['snapshot', `--sums=${sums}`, ...words], { timeout: 20_000 })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('is no regular file'),
    });
  }
});

test('a hostile archive is refused by every command, and nothing of it is left', () => {
  const dir = tempDir();
  const lightningDir = join(dir, 'lightning');
  mkdirSync(join(dir, 'tmp'));
  const some = ['dot-dot-name', 'through-symlink', 'fifo', 'cut-gzip', 'bomb-ratio', 'trailing-garbage'];
  for (const name of some) {
    const { archive, member } = hostileArchives()[name]!;
    const path = join(dir, `${name}.tar`);
    writeFileSync(path, archive);
    const words = [`--from=${path}`, '--', `--lightning-dir=${lightningDir}`];
    const called = holdfast(['snapshot', ...words]);
    expect(called).toMatchObject({ status: 2, stdout: '' });
    if (member !== undefined) expect(called.stderr).toContain(member);
    expect(holdfast(['run', ...words]).status).toBe(125);
    expect(namesIn(lightningDir)).toEqual(['.lock']);
    const env = { ...process.env, TMPDIR: join(dir, 'tmp') };
    expect(holdfast(['root', path], { env }).status).toBe(2);
    expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
  }
});

test('a lightningd whose subdaemons are not in the archive does not take those of the machine', () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const lone = join(dir, 'lone');
  ensureDirSync(join(lone, 'usr/bin'));
  // its image would lead from usr/bin to the installation beside, if only by going up far enough
  writeFileSync(
    join(lone, 'usr/bin/lightningd'),
    `#!/bin/sh\n\0../../../../../usr/libexec/c-lightning\0../../../..${installed.libexec}\0`,
    { mode: 0o755 },
  );
  const archive = join(dir, 'lone.tar');
  execFileSync('tar', ['-C', lone, '-cf', archive, 'usr']);
  const called = holdfast(['snapshot', `--from=${archive}`, '--', `--lightning-dir=${join(dir, 'l')}`]);
  expect(called.status).toBe(2);
  expect(called.stderr).toMatch(/belongs to no Core Lightning|does not hold the subdaemons/);
});

test('set-id bits of an archive do not reach the snapshot', () => {
  const dir = tempDir();
  const { lightningd } = makeCInstallation(dir, 'v25.12');
  chmodSync(lightningd, 0o6777);
  const archive = join(dir, 'x');
  execFileSync('tar', ['-C', dir, '-cf', archive, 'usr']);
  const taken = snapshotJson([`--from=${archive}`, '--', `--lightning-dir=${join(dir, 'l')}`]);
  expect(statSync(taken.lightningd).mode & 0o7777).toBe(0o755);
});

test('what a killed launch had unpacked is wiped by the next one', async () => {
  const { dir, words, lightningDir } = makeRelease();
  const pipe = join(dir, 'bin');
  mkdirSync(pipe);
  const xz = join(dir, 'slow.tar.xz');
  // an xz that gives the first half and then waits, so that the launch is killed in the middle
  writeFileSync(xz, Buffer.concat([Buffer.from('fd377a585a0000', 'hex'), Buffer.alloc(600)]));
  execFileSync('tar', ['-C', dir, '-cf', join(dir, 'plain.tar'), './usr']);
  writeFileSync(join(pipe, 'xz'), `#!/bin/sh\nhead -c 200000 ${join(dir, 'plain.tar')}\nexec sleep 100\n`, {
    mode: 0o755,
  });
  const child = spawn(HOLDFAST, ['snapshot', `--from=${xz}`, ...words.slice(1)], {
    env: { ...process.env, PATH: `${pipe}:${process.env.PATH}` },
    stdio: 'ignore',
    detached: true,
  });
  const half = () => {
    if (!existsSync(join(lightningDir, 'subdaemons'))) return false;
    const staging = namesIn(lightningDir).find(name => name.startsWith('.staging-'));
    return staging !== undefined && existsSync(join(lightningDir, 'subdaemons', staging, 'usr'));
  };
  await until('half of it to be unpacked', half);
  process.kill(-child.pid!, 'SIGKILL');
  await new Promise(resolve => child.once('close', resolve));
  expect(half()).toBe(true);
  expect(snapshotJson(words).wiped).toHaveLength(1);
  expect(namesIn(lightningDir)).toEqual(['.lock', expect.stringMatching(/^[0-9a-f]{16}$/), 'current']);
});

test('launches that race for one archive all get the one snapshot', async () => {
  const { words, lightningDir } = makeRelease();
  const ended = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const child = spawn(HOLDFAST, ['snapshot', ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', text => (said += text));
      const status = await new Promise(resolve => child.once('close', resolve));
      return { status, said };
    }),
  );
  expect(new Set(ended.map(({ status }) => status))).toEqual(new Set([0]));
  expect(new Set(ended.map(({ said }) => said)).size).toBe(1);
  expect(namesIn(lightningDir)).toEqual(['.lock', expect.stringMatching(/^[0-9a-f]{16}$/), 'current']);
});

test('export and --from: a round trip gives the same root, and the same bytes', () => {
  const { dir, words, lightningDir } = makeRelease();
  const { root } = snapshotJson(words);
  const [first, second, third] = ['1', '2', '3'].map(n => join(dir, `export-${n}.tar.gz`)) as [
    string,
    string,
    string,
  ];
  const node = `--lightning-dir=${lightningDir}`;
  const said = readJson('export', holdfast(['export', '--json', node, 'current', first]).stdout);
  expect(said).toMatchObject({
    root,
    version: 'v25.12',
    file: first,
    bytes: statSync(first).size,
    sha256: sha256(first),
  });
  const tar = spawnSync('gzip', ['-dc', first], { maxBuffer: 1 << 28 }).stdout;
  expect(createHash('sha256').update(tar).digest('hex')).toBe(said.tarSha256);
  expect(readFileSync(first).subarray(0, 10).toString('hex')).toBe('1f8b08000000000000ff');
  expect(holdfast(['export', node, 'current', second], { cwd: '/' }).stdout).toBe(
    `${sha256(first)}  ${second}\n`,
  );

  const elsewhere = `--lightning-dir=${join(dir, 'elsewhere')}`;
  expect(snapshotJson([`--from=${first}`, '--method=copy', '--', elsewhere])).toMatchObject({
    root,
    version: 'v25.12',
  });
  expect(holdfast(['export', elsewhere, 'current', third]).status).toBe(0);
  expect(sha256(third)).toBe(sha256(first));
  expect(rootOf(third)).toBe(root);

  mkdirSync(join(dir, 'by-hand'));
  execFileSync('tar', ['-C', join(dir, 'by-hand'), '-xzf', first]);
  execFileSync('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], { cwd: join(dir, 'by-hand') });
  expect(rootOf(join(dir, 'by-hand'))).toBe(root);
});

test('export refuses to overwrite, follows no link to do so, and leaves nothing half-made', () => {
  const { dir, words, lightningDir } = makeRelease();
  const { path } = snapshotJson(words);
  const node = `--lightning-dir=${lightningDir}`;
  const out = join(dir, 'out');
  mkdirSync(out);
  writeFileSync(join(out, 'x'), 'mine');
  symlinkSync('nowhere', join(out, 'l'));
  for (const name of ['x', 'l'])
    expect(holdfast(['export', node, 'current', join(out, name)])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('is there already'),
    });
  expect(readFileSync(join(out, 'x'), 'utf8')).toBe('mine');
  for (const name of ['z.zip', 'z.tar', 'z.tar.xz', 'Z.ZIP'])
    expect(holdfast(['export', node, 'current', join(out, name)])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/compressed by gzip.*\n.*hint: name it .*\/[zZ]\.tar\.gz\n/),
    });
  expect(holdfast(['export', node, 'current', join(out, 'no/such/x')]).status).toBe(2);
  chmodSync(join(path, 'bin/lightning-cli'), 0o755);
  appendFileSync(join(path, 'bin/lightning-cli'), 'x');
  const refused = holdfast(['export', '--json', node, 'current', join(out, 'y')]);
  expect(refused.status).toBe(1);
  expect(JSON.parse(refused.stdout).error.code).toBe('DIFFERS');
  expect(readdirSync(out).sort()).toEqual(['l', 'x']);
});

test.each([
  ['with a control character', ['plugins/a\nb']],
  ['that only case tells from another', ['plugins/Extra', 'plugins/extra']],
])('a snapshot with a name %s is not exported: --from would not take it back', (_what, names) => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  for (const name of names) writeFileSync(join(installed.libexec, name), '');
  ageDirectories(installed.prefix);
  const node = `--lightning-dir=${join(dir, 'lightning')}`;
  const { path } = snapshotJson([installed.lightningd, node]);
  const refused = holdfast(['export', '--json', node, 'current', join(dir, 'x.tar.gz')]);
  expect(refused.status).toBe(2);
  expect(JSON.parse(refused.stdout).error).toMatchObject({
    code: 'ARCHIVE',
    path,
    message: expect.stringContaining('cannot be exported'),
  });
  expect(readdirSync(dir).filter(name => name.includes('x.tar'))).toEqual([]);
});

test('hard links in an installation or a snapshot do not show in the export', () => {
  const { dir, installed } = makeRelease();
  rmSync(join(installed.libexec, 'lightning_websocketd'));
  linkSync(join(installed.libexec, 'lightning_hsmd'), join(installed.libexec, 'lightning_websocketd'));
  const linked = join(dir, 'linked');
  snapshotJson([installed.lightningd, `--lightning-dir=${linked}`]);
  const copied = join(dir, 'copied');
  snapshotJson(['--method=copy', installed.lightningd, `--lightning-dir=${copied}`]);
  const files = [linked, copied].map(lightningDir => {
    const file = `${lightningDir}.tar.gz`;
    const called = holdfast(['export', `--lightning-dir=${lightningDir}`, 'current', file]);
    expect(called).toMatchObject({ status: 0, stderr: '' });
    expect(lstatSync(file).isFile()).toBe(true);
    return sha256(file);
  });
  expect(files[0]).toBe(files[1]);
});
