/**
 * What may come and go while a launch asks what it may wipe. The launch is stopped right after one of its system calls,
 * the rest of the machine goes on, then the launch does. docs/model/ has the same moments for every order of calls.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { removeSync } from 'fs-extra/esm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { damageOf, sample } from '../helpers/faults.ts';
import { HOLDFAST, holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { copyOfSleep, Running, script, until } from '../helpers/running.ts';
import {
  ageDirectories,
  makeCInstallation,
  makePair,
  noCompiler,
  start,
  tempDir,
  upgrade,
} from '../helpers/stand-in.ts';
import { callsOn, inject, noStrace, stopAfter, type TracedCall } from '../helpers/strace.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? noStrace();
  if (reason !== undefined) ctx.skip(reason);
});

const running = new Running();
afterEach(() => running.end());

const [FIRST, SECOND, STAGING] = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb', '.staging-1-cccccccc'];

/** An installation, and a store in which earlier launches left these: each with one program. */
function makeWorld(...names: readonly string[]) {
  const dir = tempDir();
  const { lightningd } = makeCInstallation(dir, 'v25.12', { pythonPlugin: false, plugins: 0 });
  const store = join(dir, 'lightning/subdaemons');
  for (const name of names) {
    mkdirSync(join(store, name, 'bin'), { recursive: true, mode: 0o755 });
    copyOfSleep(join(store, name, 'bin/lightningd'));
  }
  const command = [
    HOLDFAST,
    'snapshot',
    '--settle=0',
    lightningd,
    `--lightning-dir=${join(dir, 'lightning')}`,
  ];
  return { dir, store, command };
}

/** The calls of a launch that wipes these. */
function callsOfWipe(...names: readonly string[]): TracedCall[] {
  const { store, command } = makeWorld(...names);
  return callsOn([store, '/proc/self/fd/', '/proc>'], command);
}

test('a staging directory that its launch removes while another one asks for it is gone, and no trouble', async () => {
  const calls = callsOfWipe(STAGING).filter(({ line }) => line.includes(STAGING));
  expect(calls.length).toBeGreaterThan(4);
  const problems: string[] = [];
  for (const call of sample(calls, 8)) {
    const { store, command } = makeWorld(STAGING);
    const { status, stderr } = await stopAfter(call, command, () => removeSync(join(store, STAGING)));
    if (status !== 0 || stderr !== '') problems.push(`${call.line}: ${status}: ${stderr}`);
  }
  expect(problems).toEqual([]);
});

test('a staging directory is wiped though a program runs from it, whose launch was killed while it was asked', async () => {
  const { store, command } = makeWorld(STAGING);
  await running.start(join(store, STAGING, 'bin/lightningd'), ['600']);
  const [file = '', ...words] = command;
  expect(spawnSync(file, words, { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  expect(existsSync(join(store, STAGING))).toBe(false);
});

test('a node that lost its lock while another snapshot was asked for keeps its own', async () => {
  const asks = callsOfWipe(FIRST, SECOND).find(
    ({ name, line }) => name === 'flock' && line.includes(`/${SECOND}>, LOCK_EX`),
  );
  if (asks === undefined) throw new Error('it was not asked for');
  const { store, command } = makeWorld(FIRST, SECOND);
  const program = join(store, SECOND, 'bin/lightningd');
  const { status } = await stopAfter(asks, command, async () => void (await running.start(program, ['600'])));
  expect({ status, first: existsSync(join(store, FIRST)), second: existsSync(program) }).toEqual({
    status: 0,
    first: false,
    second: true,
  });
});

test('a node that goes on as its own child while processes are listed keeps its snapshot', async () => {
  const listed = callsOfWipe(FIRST).find(
    ({ name, line }) => name === 'getdents64' && line.endsWith('= 0') && line.includes('</proc>'),
  );
  if (listed === undefined) throw new Error('nobody listed the processes');
  const { dir, store, command } = makeWorld(FIRST);
  const program = join(store, FIRST, 'bin/lightningd');
  copyFileSync(realpathSync('/bin/sh'), program);
  const [go, stop] = [join(dir, 'go'), join(dir, 'stop')];
  spawnSync('mkfifo', [go, stop]);
  const forks = 'read word <"$1"; (read word <"$2") & exit 0';
  const parent = await running.start(program, ['-c', forks, 'sh', go, stop]);
  const { status } = await stopAfter(listed, command, async () => {
    writeFileSync(go, '\n');
    await until('the parent to end', () => parent.exitCode !== null);
  });
  const kept = existsSync(program);
  writeFileSync(stop, '\n');
  expect({ status, kept }).toEqual({ status: 0, kept: true });
});

/** An installation that was upgraded since its snapshot `old` was taken, and the launch that wipes that. */
function makeOld() {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const lightningDir = join(dir, 'lightning');
  const words = ['--settle=0', installed.lightningd, `--lightning-dir=${lightningDir}`];
  const old: string = snapshotJson(words).path;
  upgrade('rename', next.prefix, installed.prefix);
  ageDirectories(installed.prefix);
  return { dir, lightningDir, old, words, command: [HOLDFAST, 'snapshot', ...words] };
}

/** Its calls by which that is locked, set aside and removed. */
function callsOnOld(): TracedCall[] {
  const { old, command } = makeOld();
  const calls = callsOn([old, '/proc/self/fd/'], command);
  const locked = calls.findLastIndex(
    ({ name, line }) => name === 'flock' && line.includes(`${old}>, LOCK_EX`),
  );
  const removals = calls.slice(locked).filter(({ name }) => /^(flock|rename|unlink|rmdir)/.test(name));
  expect(removals.length).toBeGreaterThan(6);
  return removals;
}

test('a launch that is killed while it removes a snapshot leaves nothing that looks like a damaged one', () => {
  for (const call of sample(callsOnOld(), 6)) {
    const { dir, lightningDir, old, words, command } = makeOld();
    inject(call, 'signal=KILL', dir, command);
    const [verified, all] = [
      ['verify', old],
      ['verify', `--lightning-dir=${lightningDir}`],
    ].map(args => holdfast(args));
    // whole, or none
    expect([verified?.status, verified?.stderr], call.line).toEqual(
      existsSync(old) ? [0, ''] : [2, expect.stringContaining('there is no snapshot at')],
    );
    expect(all, call.line).toMatchObject({ status: 0 });
    const { path } = snapshotJson(words);
    const store = join(lightningDir, 'subdaemons');
    expect(readdirSync(store).sort()).toEqual(['.lock', 'CACHEDIR.TAG', basename(path), 'current'].sort());
  }
});

test('verify does not call a snapshot damaged that a launch is removing', async () => {
  const removals = callsOnOld();
  const problems: string[] = [];
  for (const call of sample(removals, 6)) {
    const { old, command } = makeOld();
    let verify: ReturnType<typeof start> | undefined;
    await stopAfter(call, command, async () => {
      verify = start(HOLDFAST, ['verify', old]);
      let ended = false;
      void verify.ended.then(() => (ended = true));
      // until it has looked at the lock: the launch stands still, so that nothing else can be seen of it
      await until('verify to come to it', () => ended || entered(verify?.pid ?? 0, old));
    });
    const status = await verify?.ended;
    const said = verify?.output() ?? '';
    if (status !== 2 || !/removed meanwhile|there is no snapshot/.test(said)) {
      problems.push(`${call.line}: ${status}: ${said}`);
    }
  }
  expect(problems).toEqual([]);
});

test('a launch that an upgrade overtakes leaves the whole snapshot that another one made of the version before', async () => {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const [asked, go] = [join(dir, 'asked'), join(dir, 'go')];
  const wait = `[ -e ${asked} ] || { : >${asked}; while [ ! -e ${go} ]; do sleep 0.01; done; }`;
  script(
    join(installed.prefix, 'libexec/c-lightning/lightning_openingd'),
    `#!/bin/sh\n${wait}\necho v25.12\n`,
  );
  ageDirectories(installed.prefix);
  const words = ['--settle=0', installed.lightningd, `--lightning-dir=${join(dir, 'lightning')}`];
  const overtaken = start(HOLDFAST, ['snapshot', ...words]);
  await until('it to ask the subdaemon', () => existsSync(asked));
  const other: string = snapshotJson(words).path;
  upgrade('rename', next.prefix, installed.prefix);
  ageDirectories(installed.prefix);
  writeFileSync(go, '');
  expect({ status: await overtaken.ended, said: overtaken.output() }).toEqual({
    status: 1,
    said: expect.stringContaining('an upgrade seems to be under way'),
  });
  expect(existsSync(other) && damageOf(other)).toBe('');
});

/** Has a process this directory open? */
function entered(pid: number, directory: string): boolean {
  const { stdout } = spawnSync('find', [`/proc/${pid}/fd`, '-lname', directory], { encoding: 'utf8' });
  return stdout !== '';
}
