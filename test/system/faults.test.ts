/**
 * Faults on purpose: every system call of a launch fails in every plausible way, and a launch is killed at every
 * call. Whatever happens ends in a snapshot that is what its manifest says, or in an error that names the path; and
 * then a normal launch works, and the sources, the node's own files and a live snapshot are as they were.
 *
 * The normal test run takes a sample; `npm run test:faults` (HOLDFAST_FAULTS=all) tries them all and prints the figures.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { Directory } from '../../src/linux/files/directory.ts';
import { damageOf, digestOf, sample } from '../helpers/faults.ts';
import { HOLDFAST, snapshotJson } from '../helpers/holdfast.ts';
import { writeSnapshot } from '../helpers/snapshots.ts';
import { makeCInstallation, noCompiler, type StandIn, tempDir } from '../helpers/stand-in.ts';
import { callsOn, inject, noStrace, type Traced, type TracedCall } from '../helpers/strace.ts';

/** How each call can fail, by its man page; EINTR and EIO nearly always can. */
const ERRNOS: Readonly<Record<string, readonly string[]>> = {
  openat: ['EIO', 'EACCES', 'EMFILE', 'ENOMEM', 'ELOOP', 'ENOSPC', 'EROFS', 'EINTR'],
  mkdir: ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EMLINK', 'EIO'],
  link: ['EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'EOPNOTSUPP', 'ENOSYS', 'EIO', 'ENOSPC', 'EROFS', 'ENOMEM'],
  rename: ['EIO', 'ENOSPC', 'EROFS', 'EACCES'],
  unlink: ['EIO', 'EPERM', 'EROFS'],
  rmdir: ['EIO', 'EPERM', 'EROFS'],
  symlink: ['EIO', 'ENOSPC', 'EROFS', 'EACCES'],
  readlink: ['EIO', 'EACCES'],
  chmod: ['EIO', 'EROFS', 'EPERM'],
  fchmod: ['EIO', 'EROFS', 'EPERM'],
  write: ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR'],
  pwrite64: ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR'],
  read: ['EIO', 'EINTR'],
  pread64: ['EIO', 'EINTR'],
  getdents64: ['EIO', 'ENOMEM'],
  statx: ['EIO', 'EACCES', 'ENOMEM', 'ELOOP'],
  flock: ['ENOLCK', 'EINTR', 'ENOSYS'],
  ioctl: ['EOPNOTSUPP', 'ENOTTY', 'EINVAL', 'EIO'],
  access: ['EIO', 'EACCES'],
  faccessat2: ['EIO', 'EACCES'],
  fcntl: ['EMFILE', 'EINVAL'],
};

beforeEach(ctx => {
  const reason = noCompiler() ?? noStrace();
  if (reason !== undefined) ctx.skip(reason);
});

/** The launches that are made to fail. A `run` ends as its lightningd does, which finds no place for its PID file. */
const LAUNCHES = {
  snapshot: ['snapshot', '--method=auto'],
  'snapshot by copy': ['snapshot', '--method=copy'],
  run: ['run', '--method=auto'],
  'run of a proven snapshot': ['run', '--method=auto'],
} as const;

type Launch = keyof typeof LAUNCHES;

const LIGHTNINGD_FAILED = 1;

interface Context {
  readonly dir: string;
  readonly installed: StandIn;
  /** where its programs' own library lies */
  readonly libraryDir: string;
  readonly lightningDir: string;
  readonly command: readonly string[];
  /** every file that is none of the launch's business: the sources, the node's own, a snapshot that is live */
  readonly others: () => string;
}

/** An installation, a lightning-dir with a node's files in it, and a live snapshot of before, held by this process. */
function makeWorld(launch: Launch): Context {
  const dir = tempDir();
  const libraryDir = join(dir, 'lib');
  const installed = makeCInstallation(dir, 'v25.12', { plugins: 1, libraryDir });
  const lightningDir = join(dir, 'lightning');
  const store = join(lightningDir, 'subdaemons');
  mkdirSync(store, { recursive: true, mode: 0o755 });
  writeFileSync(join(lightningDir, 'hsm_secret'), 'a secret', { mode: 0o400 });
  const live = writeSnapshot(store).path;
  const held = Directory.open(live);
  held.tryLock('shared');
  onTestFinished(() => held.close());
  const words = [
    ...LAUNCHES[launch],
    '--settle=0',
    installed.lightningd,
    `--lightning-dir=${lightningDir}`,
    '--pid-file=/nowhere/at/all',
  ];
  if (launch === 'run of a proven snapshot') snapshotJson(words.slice(1));
  const others = () =>
    [installed.prefix, libraryDir, live, join(lightningDir, 'hsm_secret')].map(digestOf).join();
  return { dir, installed, libraryDir, lightningDir, command: [HOLDFAST, ...words], others };
}

/** After whatever happened: a normal launch works, is whole, and leaves nothing half-made. */
function expectRecovery(world: Context, before: string, what: string): void {
  expect(world.others(), `${what}: files of others`).toBe(before);
  const [, , ...words] = world.command;
  const result = snapshotJson(words);
  expect(damageOf(result.path), `${what}: the snapshot after it`).toBe('');
  const names = readdirSync(join(world.lightningDir, 'subdaemons'));
  expect(
    names.filter(name => name.startsWith('.staging')),
    `${what}: staging left`,
  ).toEqual([]);
  expect(world.others(), `${what}: files of others, after the next launch`).toBe(before);
}

/** A success is a snapshot that is whole; a failure is an error that names a path, and no stack trace. */
function expectOutcome(world: Context, { status, signal, stdout, stderr }: Traced, what: string): void {
  const isRun = world.command[1] === 'run';
  expect(signal, `${what}: ended by a signal, or not at all:\n${stderr}`).toBe(null);
  expect(stderr, `${what}: a stack trace`).not.toMatch(/^\s+at /m);
  if (status === (isRun ? LIGHTNINGD_FAILED : 0)) {
    const snapshot = isRun ? join(world.lightningDir, 'subdaemons/current') : stdout.trim();
    expect(damageOf(snapshot), `${what}: its snapshot`).toBe('');
    if (isRun) expect(stderr, what).toContain('lightningd: Could not open /nowhere/at/all');
    return;
  }
  // 125, or 126 where it is lightningd itself that cannot be executed
  expect(isRun ? [125, 126] : [1, 2], `${what}: its status; ${stderr}`).toContain(status);
  expect(stderr, what).toMatch(/^holdfast: .*\//m);
}

/** What is wrong with one case, so that the others are tried all the same. */
function problemOf(check: () => void): string[] {
  try {
    check();
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

/** The calls of a launch on what is ours, up to the moment in which it is lightningd. */
function callsOf(launch: Launch): TracedCall[] {
  const { lightningDir, libraryDir, installed, command } = makeWorld(launch);
  const calls = callsOn([lightningDir, installed.prefix, libraryDir], command);
  const becomes = calls.findIndex(({ name, line }) => name === 'execve' && line.includes('/subdaemons/'));
  return becomes === -1 ? calls : calls.slice(0, becomes);
}

test.each(Object.keys(LAUNCHES) as Launch[])(
  '%s: every failing call ends in a whole snapshot or a clear error',
  launch => {
    const calls = callsOf(launch);
    const cases = calls.flatMap(call => (ERRNOS[call.name] ?? []).map(errno => ({ call, errno })));
    expect(cases.length).toBeGreaterThan(100);
    const tried = sample(cases, 40);
    let missed = 0;
    const problems = tried.flatMap(({ call, errno }) => {
      const world = makeWorld(launch);
      const before = world.others();
      const what = `${call.name} #${call.nth} ${errno} (${call.line.slice(0, 160)})`;
      return problemOf(() => {
        const ended = inject(call, `error=${errno}`, world.dir, world.command);
        if (ended.missed) missed += 1;
        else expectOutcome(world, ended, what);
        expectRecovery(world, before, what);
      });
    });
    console.log(
      `faults, ${launch}: ${calls.length} calls, ${tried.length} of ${cases.length} call × errno tried,`,
      `${missed} of them hit a call that is not ours`,
    );
    expect(missed).toBeLessThan(tried.length / 10);
    expect(problems).toEqual([]);
  },
);

test.each(['snapshot', 'run'] as const)('%s: killed after any call, the next launch works', launch => {
  const calls = callsOf(launch);
  const tried = sample<TracedCall>(calls, 25);
  let killed = 0;
  for (const call of tried) {
    const world = makeWorld(launch);
    const before = world.others();
    const what = `SIGKILL at ${call.name} #${call.nth}`;
    const { signal } = inject(call, 'signal=KILL', world.dir, world.command);
    expect(signal ?? 'SIGKILL', what).toBe('SIGKILL');
    if (signal !== null) killed += 1;
    expectRecovery(world, before, what);
  }
  console.log(`kills, ${launch}: ${killed} of ${tried.length}, at ${calls.length} calls`);
  expect(killed).toBeGreaterThan(tried.length / 2); // the others were to come at a call that was not made this time
});
