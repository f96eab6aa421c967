/**
 * Races on purpose: a launch is stopped right after one of its system calls, somebody does the worst he can at that
 * moment, and the launch goes on. It ends in a snapshot of one version that is what its manifest says, or in an error
 * that names the path; nothing outside the store is touched, and the next launch works.
 *
 * The normal test run takes a sample; `npm run test:faults` (HOLDFAST_FAULTS=all) stops at every call for every move.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureDirSync, removeSync } from 'fs-extra/esm';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { damageOf, digestOf, sample } from '../helpers/faults.ts';
import { HOLDFAST, snapshotJson } from '../helpers/holdfast.ts';
import { ageDirectories, makePair, noCompiler, type StandIn, tempDir, upgrade } from '../helpers/stand-in.ts';
import { callsOn, noStrace, stopAfter, type Traced, type TracedCall } from '../helpers/strace.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? noStrace();
  if (reason !== undefined) ctx.skip(reason);
});

interface Context {
  readonly installed: StandIn;
  readonly next: StandIn;
  readonly lightningDir: string;
  readonly store: string;
  /** a directory of somebody else's, with a file in it that nobody but he may change */
  readonly outside: string;
  readonly words: readonly string[];
}

const SUBDAEMON = 'libexec/c-lightning/lightning_openingd';

function makeWorld(method: string): Context {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const lightningDir = join(dir, 'lightning');
  const store = join(lightningDir, 'subdaemons');
  const outside = join(dir, 'outside');
  for (const path of [store, join(outside, 'bin'), join(outside, SUBDAEMON)])
    mkdirSync(path, { recursive: true, mode: 0o755 });
  writeFileSync(join(outside, 'precious'), 'theirs');
  writeFileSync(join(outside, 'bin/lightningd'), 'theirs too', { mode: 0o755 });
  const words = [`--method=${method}`, '--settle=0', installed.lightningd, `--lightning-dir=${lightningDir}`];
  return { installed, next, lightningDir, store, outside, words };
}

/** The source of one subdaemon, replaced by what `make` puts there. */
const replaceSource =
  (make: (path: string, world: Context) => void) =>
  (world: Context): void => {
    const path = join(world.installed.prefix, SUBDAEMON);
    make(`${path}.other`, world);
    renameSync(`${path}.other`, path);
  };

/** A directory that holdfast works in, replaced by a link to somebody else's. */
function replaceByLink(path: string, world: Context): void {
  if (!existsSync(path)) return;
  renameSync(path, `${world.lightningDir}/moved`);
  symlinkSync(world.outside, path);
}

const stagingOf = ({ store }: Context): string | undefined =>
  existsSync(store) ? readdirSync(store).find(name => name.startsWith('.staging')) : undefined;

/** What somebody does while the launch stands still. (Within the staging directory the node's own user can do anything.) */
const MOVES: Readonly<Record<string, (world: Context) => Promise<void> | void>> = {
  'a source is replaced by the next version': replaceSource((path, { next }) =>
    writeFileSync(path, readFileSync(join(next.prefix, SUBDAEMON)), { mode: 0o755 }),
  ),
  'a source becomes a link to a secret': replaceSource((path, { outside }) =>
    symlinkSync(join(outside, 'precious'), path),
  ),
  'a source becomes a FIFO': replaceSource(path => spawnSync('mkfifo', [path])),
  'a source is written to in place': ({ installed, next }) => {
    upgrade('in-place', next.prefix, installed.prefix, [SUBDAEMON]);
  },
  'a source is cut off': ({ installed }) => {
    spawnSync('truncate', ['--size=0', join(installed.prefix, SUBDAEMON)]); // ETXTBSY while it is asked for its version
  },
  'the whole installation is upgraded': ({ installed, next }) => {
    upgrade('rename', next.prefix, installed.prefix);
  },
  'the store becomes a link': world => replaceByLink(world.store, world),
  'the staging directory becomes a link': world => {
    const staging = stagingOf(world);
    if (staging !== undefined) replaceByLink(join(world.store, staging), world);
  },
  'current becomes a directory': ({ store }) => {
    const current = join(store, 'current');
    removeSync(current);
    ensureDirSync(join(current, 'theirs'));
  },
  'somebody wipes the store': ({ store }) => removeSync(store),
  'an upgrade, and another launch that wipes': async ({ installed, next, words }) => {
    upgrade('rename', next.prefix, installed.prefix);
    const other = spawn(HOLDFAST, ['snapshot', '--no-gate', ...words.slice(1)], { stdio: 'ignore' });
    const ended = new Promise<void>(resolve => other.once('exit', () => resolve()));
    onTestFinished(() => ended); // it may still be at work in what is removed then
    await Promise.race([ended, sleep(300)]); // it may wait for the lock of the one that stands still
  },
};

/** What is written through a hard link once all was looked at is in the snapshot too: what --method=copy is for. */
const IN_PLACE = new Set(['a source is written to in place', 'a source is cut off']);

/** A snapshot is of one version: all of it is the installation before, or all of it the one after. */
function versionsIn(snapshot: string): string[] {
  const version = /\bv\d\d\.\d\d\b/;
  const programs = ['bin/lightningd', SUBDAEMON, 'libexec/c-lightning/lightning_channeld'];
  const said = programs.map(name => {
    const { stdout } = spawnSync(join(snapshot, name), ['--version'], { encoding: 'utf8', timeout: 10_000 });
    return version.exec(stdout)?.[0] ?? 'none';
  });
  return [...new Set(said)];
}

function problemsOf(world: Context, { status, signal, stdout, stderr }: Traced, shared: boolean): string[] {
  const problems: string[] = [];
  if (signal !== null) problems.push(`ended by ${signal}, or not at all: ${stderr}`);
  if (/^\s+at /m.test(stderr)) problems.push(`a stack trace: ${stderr}`);
  if (status === 0) {
    const path = stdout.trim();
    const id = path.slice(path.lastIndexOf('/') + 1);
    const [found] = [path, join(world.lightningDir, 'moved', id), join(world.lightningDir, 'moved')].filter(
      at => existsSync(join(at, 'SHA256SUMS')),
    );
    if (found === undefined || shared) return problems; // somebody took it away after it was published
    const damage = damageOf(found);
    if (damage !== '') problems.push(`its snapshot: ${damage}`);
    if (versionsIn(found).length !== 1) problems.push(`mixed: ${versionsIn(found)}`);
  } else if (status !== 1 && status !== 2) {
    problems.push(`status ${status}: ${stderr}`);
  } else if (!/^holdfast: .*\//m.test(stderr)) {
    problems.push(`no path in: ${stderr}`);
  }
  return problems;
}

/** What the operator does then: what is not a store is moved away, the installation is made whole. */
function tidyUp({ installed, next, store, lightningDir }: Context): void {
  removeSync(join(lightningDir, 'moved'));
  for (const path of [join(installed.prefix, SUBDAEMON), store])
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) rmSync(path);
  removeSync(join(store, 'current'));
  upgrade('rename', next.prefix, installed.prefix);
  ageDirectories(installed.prefix);
}

function callsOf(method: string): TracedCall[] {
  const { installed, store, words } = makeWorld(method);
  return callsOn([store, installed.prefix], [HOLDFAST, 'snapshot', ...words]);
}

test.each(['auto', 'copy'])(
  '--method=%s: no move at any moment gives a wrong snapshot or harms others',
  async method => {
    const calls = callsOf(method);
    const cases = Object.keys(MOVES).flatMap(move => sample(calls, 4).map(call => ({ move, call })));
    const problems: string[] = [];
    let made = 0;
    for (const { move, call } of cases) {
      const world = makeWorld(method);
      const before = digestOf(world.outside);
      const ended = await stopAfter(call, [HOLDFAST, 'snapshot', ...world.words], async () => {
        made += 1;
        await MOVES[move]!(world);
        ageDirectories(world.installed.prefix); // a fresh directory alone would have it refused
      });
      const found = problemsOf(world, ended, method === 'auto' && IN_PLACE.has(move));
      if (digestOf(world.outside) !== before) found.push("somebody else's files were touched");
      tidyUp(world);
      const next = snapshotJson(world.words);
      if (damageOf(next.path) !== '') found.push(`the next launch: ${damageOf(next.path)}`);
      if (stagingOf(world) !== undefined) found.push('staging left after the next launch');
      problems.push(...found.map(problem => `${move}, after ${call.line.slice(0, 200)}:\n  ${problem}`));
    }
    console.log(`races, ${method}: ${made} of ${cases.length} moves at ${calls.length} calls`);
    expect(made).toBeGreaterThan(cases.length / 2); // the others were to come at a call that was not made this time
    expect(problems).toEqual([]);
  },
);

test('an upgrade and another launch that wipes, at any moment of a run: it becomes a lightningd of one version, or says why not', async () => {
  const words = (world: Context) => ['run', ...world.words, '--pid-file=/nowhere/at/all'];
  const first = makeWorld('auto');
  const calls = callsOn([first.store, first.installed.prefix], [HOLDFAST, ...words(first)]);
  const becomes = calls.findIndex(({ name, line }) => name === 'execve' && line.includes('/subdaemons/'));
  const tried = sample(calls.slice(0, becomes), 12);
  const problems: string[] = [];
  let made = 0;
  for (const call of tried) {
    const world = makeWorld('auto');
    const { status, stderr } = await stopAfter(call, [HOLDFAST, ...words(world)], async () => {
      made += 1;
      await MOVES['an upgrade, and another launch that wipes']!(world);
      ageDirectories(world.installed.prefix);
    });
    // the stand-in looks at the versions of all its programs, and then for the place of its PID file
    const becameOne = status === 1 && stderr.includes('lightningd: Could not open /nowhere/at/all');
    const refused = status === 125 && /^holdfast: .*\//m.test(stderr);
    if (!becameOne && !refused) problems.push(`after ${call.line.slice(0, 200)}: ${status}: ${stderr}`);
  }
  console.log(`races, run: ${made} of ${tried.length} at ${becomes} calls`);
  expect(made).toBeGreaterThan(tried.length / 2);
  expect(problems).toEqual([]);
});
