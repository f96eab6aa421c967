/** `holdfast run`, from outside: a real process becomes lightningd and lives through what happens to its package. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST, holdfast } from '../helpers/holdfast.ts';
import { until } from '../helpers/running.ts';
import {
  endAfterTest,
  isAlive,
  makeCInstallation,
  makePair,
  noCompiler,
  nodeAt,
  start,
  startNode,
  tempDir,
  upgrade,
} from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

/** A node under holdfast. */
function startHeld(
  installed: Parameters<typeof startNode>[0],
  lightningDir: string,
  args: string[] = [],
  own: string[] = [],
) {
  return startNode(installed, lightningDir, {
    command: [HOLDFAST, 'run', ...own, installed.lightningd],
    args,
  });
}

test('the process that was holdfast is lightningd, executed from the snapshot by its absolute path', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const node = await startHeld(installed, join(dir, 'lightning'));
  const exe = readlinkSync(`/proc/${node.pid}/exe`);
  expect(node.info()).toMatchObject({ pid: node.pid, version: 'v25.12', lightningd: exe });
  expect(exe).toBe(
    join(
      dir,
      'lightning/subdaemons',
      readlinkSync(join(dir, 'lightning/subdaemons/current')),
      'bin/lightningd',
    ),
  );
  expect(readFileSync(`/proc/${node.pid}/cmdline`, 'latin1').split('\0')[0]).toBe(exe);
});

test.each(['rename', 'install'] as const)(
  'after an upgrade by %s, then after deletion, a running node spawns the old version; the next launch is the new one',
  async way => {
    const dir = tempDir();
    const { installed, next } = makePair(dir);
    const node = await startHeld(installed, join(dir, 'lightning'));
    upgrade(way, next.prefix, installed.prefix);
    expect(node.cli('open')).toMatchObject({ status: 0, stdout: expect.stringContaining('v25.12') });
    const another = await startHeld(installed, join(dir, 'another'));
    expect(another.cli('open').stdout).toContain('v26.03');
    another.cli('stop');
    const keep = join(dir, 'lightning-cli');
    writeFileSync(keep, readFileSync(installed.cli), { mode: 0o755 });
    rmSync(installed.prefix, { recursive: true });
    const late = nodeAt({ ...installed, cli: keep }, node.lightningDir, [], node);
    expect(late.cli('open')).toMatchObject({ status: 0, stdout: expect.stringContaining('v25.12') });
    expect(late.info()).toMatchObject({ pid: node.pid, version: 'v25.12' });
  },
);

test('a live snapshot survives the launch of the next version beside it', async () => {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const old = await startHeld(installed, join(dir, 'lightning'), ['--network=regtest']);
  upgrade('rename', next.prefix, installed.prefix);
  const young = await startHeld(installed, join(dir, 'lightning'), ['--network=bitcoin']);
  expect(young.info().version).toBe('v26.03');
  expect(old.cli('open').stdout).toContain('v25.12');
  const ids = () =>
    readdirSync(join(dir, 'lightning/subdaemons')).filter(name => /^[0-9a-f]{16}$/.test(name));
  expect(ids()).toHaveLength(2);
  old.cli('stop');
  await old.ended;
  young.cli('stop');
  await young.ended;
  const last = await startHeld(installed, join(dir, 'lightning'), ['--network=bitcoin']);
  expect(ids()).toEqual([readlinkSync(join(dir, 'lightning/subdaemons/current'))]);
  last.cli('stop');
});

test('--daemon works: the parent ends with 0, the child holds the snapshot', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const lightningDir = join(dir, 'lightning');
  const parent = start(HOLDFAST, [
    'run',
    installed.lightningd,
    `--lightning-dir=${lightningDir}`,
    '--daemon',
  ]);
  expect(await parent.ended).toBe(0);
  const node = nodeAt(installed, lightningDir, [], parent);
  await until('the daemon to answer', () => node.cli('getinfo').status === 0);
  const { pid } = node.info();
  endAfterTest(pid);
  const snapshot = readlinkSync(join(lightningDir, 'subdaemons/current'));
  const held = readdirSync(`/proc/${pid}/fd`).map(fd => readlinkSync(`/proc/${pid}/fd/${fd}`));
  expect(held).toContain(join(lightningDir, 'subdaemons', snapshot));
  node.cli('stop');
  await until('the daemon to end', () => !isAlive(pid));
});

test.each(['--version', '--help', '--list-features-only'])(
  'run lightningd %s is answered by the installed lightningd, and nothing is made',
  word => {
    const dir = tempDir();
    const installed = makeCInstallation(dir, 'v25.12');
    const called = holdfast(['run', installed.lightningd, `--lightning-dir=${dir}/lightning`, word]);
    expect(called.status).toBe(0);
    if (word === '--version') expect(called.stdout).toBe('v25.12\n');
    expect(existsSync(join(dir, 'lightning'))).toBe(false);
  },
);

test('no lightningd: 127; one that cannot be executed: 126; a failure of holdfast: 125', () => {
  const dir = tempDir();
  const run = ['run', '--settle=0']; // each directory that other tests make beside ours looks like an upgrade
  expect(holdfast([...run, join(dir, 'lightningd')]).status).toBe(127);
  expect(holdfast([...run, 'no-such-lightningd']).status).toBe(127);
  writeFileSync(join(dir, 'lightningd'), '');
  chmodSync(join(dir, 'lightningd'), 0o644);
  expect(holdfast([...run, join(dir, 'lightningd')]).status).toBe(126);
  expect(holdfast([...run, '--bogus', 'lightningd']).status).toBe(125);
  expect(holdfast([...run, '/bin/ls', `--lightning-dir=${dir}/lightning`]).status).toBe(125);
});

test("lightningd's own exit status and signals are holdfast's", async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const node = await startHeld(installed, join(dir, 'lightning'));
  process.kill(node.pid, 'SIGTERM');
  expect(await node.ended).toBe(143);
});

test('a link named lightningd before the real one in PATH acts as run', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  mkdirSync(join(dir, 'first'));
  symlinkSync(HOLDFAST, join(dir, 'first/lightningd'));
  const env = { ...process.env, PATH: `${dir}/first:${installed.prefix}/bin:${process.env.PATH}` };
  expect(holdfast(['--version'], { program: join(dir, 'first/lightningd'), env }).stdout).toBe('v25.12\n');
  const node = await startNode(installed, join(dir, 'lightning'), {
    command: [join(dir, 'first/lightningd')],
    env,
  });
  expect(node.info().lightningd).toContain('/lightning/subdaemons/');
});

test('a relative --lightning-dir reaches lightningd absolute, every other word as it was', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const node = start(
    HOLDFAST,
    ['run', installed.lightningd, '--lightning-dir=rel', '--alias=a  b\n"c"', '--rgb', '001122'],
    { cwd: dir },
  );
  await until('the node', () => existsSync(join(dir, 'rel/bitcoin/lightning-rpc')));
  const words = readFileSync(`/proc/${node.pid}/cmdline`, 'latin1').split('\0').slice(1, -1);
  expect(words).toEqual([`--lightning-dir=${dir}/rel`, '--alias=a  b\n"c"', '--rgb', '001122']);
});

test('twenty nodes of twenty networks, launched at once, all run', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const lightningDir = join(dir, 'lightning');
  const networks = ['bitcoin', 'testnet', 'signet', 'regtest'];
  for (let round = 0; round < 5; round++) {
    const nodes = await Promise.all(
      networks.map(network => startHeld(installed, lightningDir, [`--network=${network}`])),
    );
    for (const node of nodes) expect(node.cli('open').stdout).toContain('v25.12');
    for (const node of nodes) node.cli('stop');
    await Promise.all(nodes.map(node => node.ended));
  }
  expect(readdirSync(join(lightningDir, 'subdaemons')).filter(name => name.startsWith('.staging'))).toEqual(
    [],
  );
});
