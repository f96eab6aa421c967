/** What a launch says where systemd's journal listens, and that it is silent elsewhere. */
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

function makeWorld() {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const log = join(dir, 'stderr');
  /** stderr goes to a file that JOURNAL_STREAM names, or names by another inode */
  const run = (words: readonly string[], stream: 'named' | 'another' | 'none' = 'named') => {
    writeFileSync(log, '');
    const fd = openSync(log, 'a');
    const { dev, ino } = fstatSync(fd, { bigint: true });
    const env = { ...process.env };
    delete env.JOURNAL_STREAM;
    if (stream !== 'none') env.JOURNAL_STREAM = `${dev}:${stream === 'named' ? ino : ino + 1n}`;
    const { status } = spawnSync(HOLDFAST, words, { env, stdio: ['ignore', 'ignore', fd], timeout: 60_000 });
    closeSync(fd);
    return { status, stderr: readFileSync(log, 'utf8') };
  };
  // the stand-in ends at once: it cannot write there
  const words = [
    installed.lightningd,
    `--lightning-dir=${join(dir, 'lightning')}`,
    '--pid-file=/nowhere/at/all',
  ];
  const ours = (stderr: string) => stderr.split('\n').filter(line => line.includes('holdfast: '));
  return { installed, run, words, ours };
}

const LINE = (how: string) =>
  new RegExp(
    `^<6>holdfast: v25\\.12 from '/.*/lightning/subdaemons/[0-9a-f]{16}', root [0-9a-f]{64}, ${how}, \\d+ libraries held, \\d+ ms$`,
  );

test('a launch leaves one line there: version, place, root, how the files were placed, how long it took', () => {
  const { run, words, ours } = makeWorld();
  expect(ours(run(['run', '--method=copy', ...words]).stderr)).toEqual([
    expect.stringMatching(LINE('new: \\d+ copies')),
  ]);
  expect(ours(run(['run', ...words]).stderr)).toEqual([
    expect.stringMatching(LINE('as it was: \\d+ copies')),
  ]);
});

test('a launch by hard links names them; one on another file system says why it copied', ctx => {
  const { run, words, ours } = makeWorld();
  expect(ours(run(['run', ...words]).stderr)).toEqual([expect.stringMatching(LINE('new: \\d+ hard links'))]);
  const elsewhere = spawnSync('mktemp', ['-d', '/dev/shm/holdfast-test-XXXXXX'], {
    encoding: 'utf8',
  }).stdout.trim();
  if (elsewhere === '') ctx.skip('there is no /dev/shm that may be written to');
  try {
    const [line = ''] = ours(run(['run', `--snapshot-dir=${elsewhere}/store`, ...words]).stderr).slice(-1);
    expect(line).toMatch(
      /\d+ copies \(\/.*\/lightningd is on another file system\), \d+ libraries held, \d+ ms$/,
    );
  } finally {
    spawnSync('rm', ['-rf', elsewhere]);
  }
});

test('libraries that are left to the system are not called held', () => {
  const { run, words, ours } = makeWorld();
  const [line] = ours(run(['run', '--libraries=leave', ...words]).stderr);
  expect(line).toMatch(/hard links, libraries left to the system, \d+ ms$/);
});

test('it is silent with --quiet, without JOURNAL_STREAM, and where that names another stream', () => {
  const { run, words, ours } = makeWorld();
  expect(ours(run(['run', '--quiet', ...words]).stderr)).toEqual([]);
  expect(ours(run(['run', ...words], 'none').stderr)).toEqual([]);
  expect(ours(run(['run', ...words], 'another').stderr)).toEqual([]);
});

test('warnings and errors have their priority there, on each line, and none elsewhere', () => {
  const { run, words, ours } = makeWorld();
  const warned = [...words, '--plugin=/bin/true'];
  expect(ours(run(['run', ...warned]).stderr)[0]).toMatch(/^<4>holdfast: warning: configured plugins/);
  expect(ours(run(['run', ...warned], 'none').stderr)[0]).toMatch(/^holdfast: warning: configured plugins/);
  const { status, stderr } = run(['run', '/nowhere/lightningd']);
  expect(status).toBe(127);
  for (const line of stderr.trimEnd().split('\n')) expect(line).toMatch(/^<3>holdfast: /);
  expect(run(['run', '/nowhere/lightningd'], 'another').stderr).toMatch(/^holdfast: /);
});
