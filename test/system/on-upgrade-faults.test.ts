/**
 * Faults inside the parent of --on-upgrade: each of the calls of its loop fails in each plausible way, once, and the
 * upgrade happens all the same; or for ever, and it still ends by SIGTERM, with nothing left.
 *
 * The normal test run takes a sample; HOLDFAST_FAULTS=all tries them all and prints the figures. Left out is what libuv
 * aborts on: reads and writes of its own eventfd and signal pipe.
 */
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { sample } from '../helpers/faults.ts';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { pidsIn, processesIn, startParent, upgradeSettled, versionOf } from '../helpers/parent.ts';
import { until } from '../helpers/running.ts';
import { isAlive, makePair, noCompiler, tempDir } from '../helpers/stand-in.ts';
import { noStrace } from '../helpers/strace.ts';
import { attach } from '../helpers/strace-attach.ts';

/** How each call can fail, by its man page. */
const ERRNOS: Readonly<Record<string, readonly string[]>> = {
  clone: ['EAGAIN', 'ENOMEM'],
  clone3: ['EAGAIN', 'ENOMEM'],
  vfork: ['EAGAIN', 'ENOMEM'],
  wait4: ['ECHILD', 'EINTR', 'EINVAL'],
  kill: ['EPERM', 'ESRCH'],
  pipe2: ['EMFILE', 'ENFILE'],
  memfd_create: ['EMFILE', 'ENFILE', 'ENOMEM'],
  inotify_init1: ['EMFILE', 'ENFILE', 'ENOMEM'],
  inotify_add_watch: ['ENOSPC', 'ENOMEM', 'EACCES', 'ENOENT'],
  inotify_rm_watch: ['EINVAL'],
  openat: ['EMFILE', 'EIO', 'EACCES', 'ENOMEM', 'EINTR'],
  readlink: ['EIO', 'EACCES', 'ENOENT'],
  statx: ['EIO', 'EACCES', 'ENOMEM'],
  read: ['EIO', 'EINTR'],
  pread64: ['EIO', 'EINTR'],
  fstat: ['EIO'],
  flock: ['ENOLCK', 'EINTR', 'EAGAIN'],
  fcntl: ['EMFILE', 'EINVAL'],
  socket: ['EMFILE', 'EACCES'],
  sendto: ['ECONNREFUSED', 'EAGAIN'],
  write: ['EIO', 'EAGAIN'],
};

/** What is libuv's own, by strace's name for the descriptor. */
const IS_LIBUVS = /^\w+\(\d+<(?:anon_inode:\[event(?:fd|poll)\]|pipe:\[\d+\])/;

beforeEach(ctx => {
  const reason = noCompiler() ?? noStrace();
  if (reason !== undefined) ctx.skip(reason);
});

async function makeNode() {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const node = await startParent(next, join(dir, 'lightning'), {
    command: [HOLDFAST, 'run', '--verbose', '--on-upgrade=restart', installed.lightningd],
    env: { ...process.env, NOTIFY_SOCKET: join(dir, 'nobody-listens') },
  });
  // quiet: it watches, and what it does from now on is done for the upgrade
  await until('the watch', () => node.output().includes('executing '));
  const upgradeNow = () => {
    upgradeSettled(next.prefix, installed.prefix);
  };
  return { dir, node, upgradeNow };
}

type World = Awaited<ReturnType<typeof makeNode>>;

/** What its parent says of the new version when it watches it. */
const WATCHED = /looked: v26\.03 .* is installed, v26\.03 /;

/** @param injected the call that the fault fell on; where it was the writing of WATCHED, nobody will read that */
async function isUpgraded({ node }: World, seconds: number, injected = () => ''): Promise<boolean> {
  const deadline = Date.now() + seconds * 1000;
  // the new version answers, and is watched
  const isDone = () =>
    versionOf(node) === 'v26.03' && (WATCHED.test(node.output()) || WATCHED.test(injected()));
  while (!isDone()) {
    if (Date.now() > deadline || IS_LIBUVS.test(injected())) return false;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  return true;
}

/** SIGTERM ends it, by that signal or, where the node had another end, with a status; and nothing is left. */
async function expectEnd({ node, dir }: World, what: string): Promise<void> {
  process.kill(node.pid, 'SIGTERM');
  let status: number | undefined;
  void node.ended.then(ended => (status = ended));
  await until(`${what}: the end`, () => status !== undefined);
  await until(`${what}: nothing to be left`, () => processesIn(dir).length === 0);
}

/** libuv may have aborted, and left its node, or wait for ever for a signal or a lock that the fault has swallowed. */
function endHard({ node, dir }: World): void {
  for (const pid of [node.pid, ...pidsIn(dir)]) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}

/** The calls of one upgrade that are not libuv's: of each name which ones of all. */
async function callsOfUpgrade(): Promise<Map<string, number[]>> {
  const world = await makeNode();
  const strace = await attach(world.node.pid);
  world.upgradeNow();
  expect(await isUpgraded(world, 10)).toBe(true);
  await strace.detach();
  const counts = new Map<string, number>();
  const ours = new Map<string, number[]>();
  for (const line of strace.lines()) {
    const name = /^([a-z_0-9]+)\(/.exec(line)?.[1];
    if (name === undefined) continue;
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    if (!IS_LIBUVS.test(line)) ours.set(name, [...(ours.get(name) ?? []), nth]);
  }
  return ours;
}

test('each call fails once: the upgrade happens all the same, and SIGTERM ends it', {
  timeout: 3_600_000,
}, async () => {
  const calls = await callsOfUpgrade();
  const cases = [...calls].flatMap(([name, each]) =>
    (ERRNOS[name] ?? []).flatMap(errno => each.map(nth => ({ name, errno, nth }))),
  );
  expect(cases.length).toBeGreaterThan(100);
  const tried = sample(cases, 12);
  let missed = 0;
  const problems: string[] = [];
  for (const { name, errno, nth } of tried) {
    const world = await makeNode();
    const what = `${name} #${nth} ${errno}`;
    const strace = await attach(world.node.pid, [
      '-e',
      `trace=${name}`,
      '-e',
      `inject=${name}:error=${errno}:when=${nth}`,
    ]);
    world.upgradeNow();
    const injected = () => strace.lines().find(line => line.includes('(INJECTED)')) ?? '';
    const isDone = await isUpgraded(world, 30, injected);
    await strace.detach();
    if (injected() === '' || IS_LIBUVS.test(injected())) {
      missed++;
      endHard(world);
      continue;
    }
    if (!isDone) problems.push(`${what}: ${injected()}\n${world.node.output()}`);
    await expectEnd(world, what).catch(error =>
      problems.push(`${what}: ${injected()}: ${error}\n${world.node.output()}`),
    );
  }
  console.log(
    `on-upgrade, once: ${cases.length} call × errno of ${[...calls.keys()].filter(name => name in ERRNOS).join(', ')};`,
    `${tried.length} tried, ${missed} of them hit nothing of ours`,
  );
  expect(problems).toEqual([]);
});

describe('a call fails for ever, whatever is done then, SIGTERM ends it', () => {
  const alone = Object.keys(ERRNOS).filter(name => !['kill', 'read', 'write'].includes(name)); // kill(2) is how it ends them
  test.each(sample(alone, 8))('%s', async name => {
    const errno = ERRNOS[name]![0]!;
    const world = await makeNode();
    const strace = await attach(world.node.pid, [
      '-e',
      `trace=${name}`,
      '-e',
      `inject=${name}:error=${errno}`,
    ]);
    world.upgradeNow();
    const isDone = await isUpgraded(world, 1);
    await expectEnd(world, `${name} ${errno}, ${isDone ? '' : 'not '}upgraded`);
    await strace.detach();
  });
});
