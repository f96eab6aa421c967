/**
 * Faults on purpose: every system call of a launch fails in every plausible way, and a launch is killed at every
 * call. Whatever happens ends in a snapshot that is what its manifest says, or in an error that names the path; and
 * then a normal launch works, the sources are as they were, and a live snapshot was not touched.
 *
 * The normal test run takes a sample; `npm run test:faults` (HOLDFAST_FAULTS=all) tries them all and prints the figures.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST, snapshotJson } from '../helpers/holdfast.ts';
import { listFiles, makeCInstallation, noCompiler, type StandIn, tempDir } from '../helpers/stand-in.ts';
import { callsOn, inject, noStrace, type Traced, type TracedCall } from '../helpers/strace.ts';

const all = process.env.HOLDFAST_FAULTS === 'all';

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

interface World {
  readonly installed: StandIn;
  readonly lightningDir: string;
  readonly command: readonly string[];
}

function makeWorld(method: string): World {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12', { plugins: 1 });
  const lightningDir = join(dir, 'lightning');
  const words = [`--method=${method}`, '--settle=0', installed.lightningd, `--lightning-dir=${lightningDir}`];
  return { installed, lightningDir, command: [HOLDFAST, 'snapshot', ...words] };
}

/** The sources as nobody may change them: inode, mode, mtime and content of every file. */
function sourcesOf({ installed }: World): string {
  const hash = createHash('sha256');
  for (const file of listFiles(installed.prefix)) {
    const path = join(installed.prefix, file);
    const { ino, mode, mtimeMs } = lstatSync(path);
    hash.update(JSON.stringify([file, ino, mode, mtimeMs])).update(readFileSync(path));
  }
  return hash.digest('hex');
}

/** After whatever happened: a normal launch works, is whole, and leaves nothing half-made. */
function expectRecovery(world: World, before: string, what: string): void {
  expect(sourcesOf(world), `${what}: the sources`).toBe(before);
  const [, , ...words] = world.command;
  const result = snapshotJson(words);
  const sums = spawnSync('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], {
    cwd: result.path,
    encoding: 'utf8',
  });
  expect(`${sums.stdout}${sums.stderr}`, `${what}: the snapshot after it`).toBe('');
  const names = readdirSync(join(world.lightningDir, 'subdaemons'));
  expect(
    names.filter(name => name.startsWith('.staging')),
    `${what}: staging left`,
  ).toEqual([]);
}

/** A success is a snapshot that is whole; a failure is one line that names a path, and no stack trace. */
function expectOutcome({ status, signal, stdout, stderr }: Traced, what: string): void {
  expect(signal, `${what}: ended by a signal:\n${stderr}`).toBe(null);
  expect(stderr, `${what}: a stack trace`).not.toMatch(/^\s+at /m);
  if (status === 0) {
    const sums = spawnSync('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], {
      cwd: stdout.trim(),
      encoding: 'utf8',
    });
    expect(`${sums.stdout}${sums.stderr}`, `${what}: its snapshot`).toBe('');
    return;
  }
  expect([1, 2, 125], `${what}: its status; ${stderr}`).toContain(status); // 125: bin/holdfast itself, before Node
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

/** A part of the cases that is spread over all of them, the same at every run. */
function sample<T>(cases: readonly T[], most: number): readonly T[] {
  if (all || cases.length <= most) return cases;
  return Array.from({ length: most }, (_, index) => cases[Math.floor((index * cases.length) / most)]!);
}

test.each(['auto', 'copy'])(
  'with --method=%s, every failing call ends in a whole snapshot or a clear error',
  method => {
    const world = makeWorld(method);
    const traced = callsOn([world.lightningDir, world.installed.prefix], world.command);
    const cases = traced.flatMap(call => (ERRNOS[call.name] ?? []).map(errno => ({ call, errno })));
    expect(cases.length).toBeGreaterThan(100);
    const tried = sample(cases, 60);
    const problems = tried.flatMap(({ call, errno }) => {
      const fresh = makeWorld(method);
      const before = sourcesOf(fresh);
      const what = `${call.name} #${call.nth} ${errno} (${call.line.slice(0, 160)})`;
      return problemOf(() => {
        expectOutcome(inject(call, `error=${errno}`, fresh.command), what);
        expectRecovery(fresh, before, what);
      });
    });
    console.log(
      `faults, --method=${method}: ${traced.length} calls, ${tried.length} of ${cases.length} call × errno tried`,
    );
    expect(problems).toEqual([]);
  },
);

test('killed after any call of a launch, the next one works', () => {
  const world = makeWorld('auto');
  const traced = callsOn([world.lightningDir, world.installed.prefix], world.command);
  const tried = sample<TracedCall>(traced, 40);
  for (const call of tried) {
    const fresh = makeWorld('auto');
    const before = sourcesOf(fresh);
    const what = `SIGKILL at ${call.name} #${call.nth}`;
    expect(inject(call, 'signal=KILL', fresh.command).signal ?? 'SIGKILL', what).toBe('SIGKILL');
    mkdirSync(fresh.lightningDir, { recursive: true });
    expectRecovery(fresh, before, what);
  }
  console.log(`kills: ${tried.length} of ${traced.length} calls`);
});
