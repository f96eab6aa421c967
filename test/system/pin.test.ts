/** `run --method=pin`, from outside: a node runs programs that no longer have a name anywhere. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { readJsonSync } from 'fs-extra/esm';
import { beforeEach, describe, expect, test } from 'vitest';
import { HOLDFAST, holdfast, ORDINARY_USER, snapshotJson } from '../helpers/holdfast.ts';
import { noMounts } from '../helpers/mounts.ts';
import { until, works } from '../helpers/running.ts';
import {
  childrenOf,
  endAfterTest,
  makeCInstallation,
  makePair,
  noCompiler,
  nodeAt,
  type Running,
  type StandIn,
  start,
  startNode,
  tempDir,
  upgrade,
} from '../helpers/stand-in.ts';

const isRoot = process.geteuid?.() === 0;
/** As ourselves, and where we are root also as somebody who may not hard-link root's files. */
const USERS = isRoot ? [undefined, ORDINARY_USER] : [undefined];
const asUser = (user: number | undefined): string[] =>
  user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'];

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

/** A lightning-dir of this user's. */
function directoryFor(user: number | undefined, dir: string, name = 'lightning'): string {
  const path = join(dir, name);
  mkdirSync(path, { mode: 0o700 });
  if (user !== undefined) chownSync(path, user, user);
  return path;
}

/** A node under `run --method=pin`. */
function startPinned(standIn: StandIn, lightningDir: string, user?: number, args: readonly string[] = []) {
  return startNode(standIn, lightningDir, {
    command: [...asUser(user), HOLDFAST, 'run', '--method=pin', standIn.lightningd],
    args,
  });
}

const currentOf = (lightningDir: string) => realpathSync(join(lightningDir, 'subdaemons/current'));
const idsIn = (lightningDir: string) =>
  readdirSync(join(lightningDir, 'subdaemons')).filter(name => /^[0-9a-f]{16}/.test(name));
const commOf = (pid: number) => readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
const spawnedPid = (stdout: string) => Number(/^ok v\S+ (\d+)$/m.exec(stdout)?.[1]);

describe.each(USERS)('as user %s', user => {
  test('subdaemons and plugins go on under their own names and version after all files were replaced, then deleted', async () => {
    const dir = tempDir();
    const { installed, next } = makePair(dir);
    const lightningDir = directoryFor(user, dir);
    const node = await startPinned(installed, lightningDir, user);
    const verify = () =>
      holdfast(['verify', `--lightning-dir=${lightningDir}`], user === undefined ? {} : { user });
    expect(verify()).toMatchObject({ status: 0, stdout: expect.stringContaining(': ok (v25.12, 23 files') });

    upgrade('rename', next.prefix, installed.prefix);
    expect(node.cli('open')).toMatchObject({ status: 0, stdout: expect.stringContaining('v25.12') });
    const closingd = spawnedPid(node.cli('spawn', 'closingd').stdout);
    expect(commOf(closingd)).toBe('lightning_closi');
    expect(readlinkSync(`/proc/${closingd}/exe`)).toMatch(/lightning_closingd \(deleted\)$/);
    expect(verify().status).toBe(0);

    const keep = join(dir, 'lightning-cli');
    copyFileSync(installed.cli, keep);
    rmSync(installed.prefix, { recursive: true });
    const late = nodeAt({ ...installed, cli: keep }, lightningDir, [], node);
    expect(late.cli('open')).toMatchObject({ status: 0, stdout: expect.stringContaining('v25.12') });
    expect(commOf(spawnedPid(late.cli('spawn', 'onchaind').stdout))).toBe('lightning_oncha');
    expect(late.info()).toMatchObject({ pid: node.pid, version: 'v25.12' });
    const names = childrenOf(node.pid).map(commOf);
    for (const name of ['autoclean', 'bcli', 'lightning_hsmd', 'lightning_conne'])
      expect(names).toContain(name);
    expect(node.output()).not.toContain('BROKEN');
    expect(verify().status).toBe(0);
  });

  test('a dead node has a snapshot that is gone, in text and JSON, and the next launch wipes it', async () => {
    const dir = tempDir();
    const installed = makeCInstallation(dir, 'v25.12');
    const lightningDir = directoryFor(user, dir);
    const node = await startPinned(installed, lightningDir, user);
    const snapshot = currentOf(lightningDir);
    process.kill(node.pid, 'SIGKILL');
    await node.ended;
    const words = ['verify', `--lightning-dir=${lightningDir}`];
    const text = holdfast(words);
    expect(text.status).toBe(1);
    expect(text.stdout).toContain(`'${snapshot}': gone (v25.12`);
    expect(text.stdout).toContain('it is gone, not damaged');
    const json = holdfast([...words, '--json']);
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout).snapshots).toMatchObject([
      { path: snapshot, verdict: 'finding', gone: true, findings: [{ path: '.', check: 'pinned' }] },
    ]);
    const again = await startPinned(installed, lightningDir, user);
    expect(idsIn(lightningDir)).toHaveLength(1);
    expect(holdfast(words).status).toBe(0);
    expect(readlinkSync(join(currentOf(lightningDir), 'bin/lightning-cli'))).toMatch(
      `/proc/${again.pid}/fd/`,
    );
  });
});

test('everything but lightningd, scripts and data is a link to a descriptor; manifest and root are those of any snapshot', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const plain = snapshotJson([installed.lightningd, `--lightning-dir=${dir}/plain`]);
  const node = await startPinned(installed, join(dir, 'lightning'));
  const snapshot = currentOf(node.lightningDir);
  expect(readFileSync(join(snapshot, 'manifest.json'), 'utf8')).toBe(
    readFileSync(join(plain.path, 'manifest.json'), 'utf8'),
  );
  const links: number[] = [];
  for (const path of installed.files) {
    const isFile = /^bin\/(lightningd|reckless)$|\/clnrest\//.test(path);
    expect([path, lstatSync(join(snapshot, path)).isFile()]).toEqual([path, isFile]);
    if (isFile) continue;
    const [, pid, fd] = /^\/proc\/(\d+)\/fd\/(\d+)$/.exec(readlinkSync(join(snapshot, path))) ?? [];
    expect(Number(pid)).toBe(node.pid);
    expect(readlinkSync(`/proc/${node.pid}/fd/${fd}`)).toBe(join(installed.prefix, path));
    links.push(Number(fd));
  }
  expect(links).toHaveLength(17);
  expect(Math.min(...links)).toBeGreaterThanOrEqual(20);
  // nothing of this reaches a child
  for (const child of childrenOf(node.pid)) {
    for (const fd of links) expect(existsSync(`/proc/${child}/fd/${fd}`)).toBe(false);
  }
});

test('a pinned snapshot is never used again: another launch builds its own beside the live one, which stays as it is', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const lightningDir = join(dir, 'lightning');
  const first = await startPinned(installed, lightningDir, undefined, ['--network=regtest']);
  const second = await startPinned(installed, lightningDir, undefined, ['--network=signet']);
  const plain = snapshotJson([installed.lightningd, `--lightning-dir=${lightningDir}`]);
  expect(plain.reused).toBe(false);
  expect(idsIn(lightningDir)).toHaveLength(3);
  for (const node of [first, second]) {
    expect(node.cli('open')).toMatchObject({ status: 0 });
    node.cli('stop');
    await node.ended;
  }
  const last = snapshotJson([installed.lightningd, `--lightning-dir=${lightningDir}`]);
  expect(last).toMatchObject({ reused: true, path: plain.path });
  expect(idsIn(lightningDir)).toEqual([plain.id]);
});

test.each(['--daemon', 'daemon in the configuration', 'snapshot', '--from'])(
  'what cannot be pinned is refused before anything is made: %s',
  what => {
    const dir = tempDir();
    const installed = makeCInstallation(dir, 'v25.12');
    const lightningDir = directoryFor(undefined, dir);
    if (what.startsWith('daemon')) writeFileSync(join(lightningDir, 'config'), 'daemon\n');
    const command = what === 'snapshot' ? 'snapshot' : 'run';
    const source = what === '--from' ? ['--from=/nowhere.tar', '--'] : [installed.lightningd];
    const flag = what === '--daemon' ? ['--daemon'] : [];
    const called = holdfast([command, '--method=pin', ...source, `--lightning-dir=${lightningDir}`, ...flag]);
    expect(called.status).toBe(command === 'run' ? 125 : 2);
    expect(called.stderr).toMatch(/^holdfast: .*(cannot pin|exclude each other).*\n/);
    expect(existsSync(join(lightningDir, 'subdaemons'))).toBe(false);
  },
);

test('a file written in place is found by status and by verify', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const node = await startPinned(installed, join(dir, 'lightning'));
  const words = [`--lightning-dir=${node.lightningDir}`];
  // not the exit status: a node of somebody else on this machine may not be looked into
  expect(holdfast(['status', ...words]).stdout).toContain('17 files by descriptors of the node');
  const openingd = 'libexec/c-lightning/lightning_openingd';
  const bytes = readFileSync(join(installed.prefix, openingd));
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(join(installed.prefix, openingd), bytes);
  const status = holdfast(['status', '--json', ...words]);
  expect(status.status).toBe(1);
  expect(JSON.parse(status.stdout).nodes).toMatchObject([
    { overwritten: [openingd], elsewhere: [], pinned: { files: 17, gone: 0, unknown: 0 } },
  ]);
  const verify = holdfast(['verify', '--json', ...words]);
  expect(verify.status).toBe(1);
  expect(JSON.parse(verify.stdout).snapshots[0].findings).toMatchObject([
    { path: openingd, check: 'digests' },
  ]);
});

test('what runs is found in the manifest, and one file proven, while no file has a name any more', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12', { pythonPlugin: false });
  const node = await startPinned(installed, join(dir, 'lightning'));
  rmSync(installed.prefix, { recursive: true });
  const verify = holdfast(['verify', '--running', '--json', `--lightning-dir=${node.lightningDir}`]);
  const { running, snapshots } = JSON.parse(verify.stdout);
  expect(snapshots).toMatchObject([{ verdict: 'ok' }]);
  const [{ processes }] = running.nodes;
  const snapshot = currentOf(node.lightningDir);
  for (const { pid, program, origin, entry } of processes) {
    expect(origin).toBe('manifest');
    expect(program).toBe(join(snapshot, entry.path));
    expect(entry.path.split('/').at(-1).slice(0, 15)).toBe(commOf(pid));
  }
  const hsmd = join(snapshot, 'libexec/c-lightning/lightning_hsmd');
  expect(holdfast(['prove', hsmd])).toMatchObject({ status: 0, stderr: '' });
  const archive = join(dir, 'x.tar.gz');
  expect(holdfast(['export', snapshot, archive]).status).toBe(0);
  expect(holdfast(['root', archive]).stdout).toBe(holdfast(['root', snapshot]).stdout);
  process.kill(node.pid, 'SIGKILL');
  await node.ended;
  const gone = holdfast(['prove', hsmd]);
  expect(gone.status).toBe(2);
  expect(gone.stderr).toContain(`is gone: process ${node.pid}, which pinned it, has ended`);
});

test('a lightningd that re-executes itself has closed what was pinned, and ends', async () => {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const other = join(next.libexec, 'lightning_dualopend'); // not among the subdaemons that are tested at the start
  const node = await startPinned(installed, join(dir, 'lightning'), undefined, [
    `--subdaemon=dualopend:${other}`,
  ]);
  if (node.cli('spawn', 'dualopend').status === 0) throw new Error('another version was accepted');
  expect(await node.ended).toBe(10);
  expect(node.output()).toContain('restarting');
  expect(node.output()).toContain('Could not run');
});

test('inherited descriptors stay where they are, the pinned ones come above; too few are refused', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const command = (limit: number) => [
    'sh',
    '-c',
    `ulimit -n ${limit}; exec 7</dev/null; exec ${HOLDFAST} run --method=pin "$@"`,
    'sh',
    installed.lightningd,
  ];
  const node = await startNode(installed, join(dir, 'lightning'), { command: command(1024) });
  const inherited = readdirSync(`/proc/${node.pid}/fd`).filter(
    fd => readlinkSync(`/proc/${node.pid}/fd/${fd}`) === '/dev/null',
  );
  expect(inherited).toContain('7');
  const refused = start('sh', [...command(270).slice(1), `--lightning-dir=${dir}/few`]);
  expect(await refused.ended).toBe(125);
  expect(refused.output()).toMatch(
    /cannot pin '.*': descriptors from \d+ on are taken, 256 are left to lightningd, and the limit is 270/,
  );
  expect(idsIn(join(dir, 'few'))).toEqual([]);
  expect(readdirSync(join(dir, 'few/subdaemons')).filter(name => name.startsWith('.staging'))).toEqual([]);
});

test('where children may not look into the /proc entry of their parent, pinning is refused', async ctx => {
  if (!isRoot) ctx.skip('only root can make a Node.js that its user may execute and not read');
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const lightningDir = directoryFor(ORDINARY_USER, dir);
  const node = join(dir, 'node'); // whoever may not read his program cannot be dumped, and /proc/PID is root's
  copyFileSync(process.execPath, node);
  chmodSync(node, 0o711);
  const run = (...words: string[]) =>
    holdfast(['run', ...words, installed.lightningd, `--lightning-dir=${lightningDir}`], {
      user: ORDINARY_USER,
      env: { ...process.env, HOLDFAST_NODE: node },
    });
  const refused = run('--method=pin');
  expect(refused.status).toBe(125);
  expect(refused.stderr).toContain('a child process may not execute what /proc/');
  expect(existsSync(join(lightningDir, 'subdaemons'))).toBe(false);
});

test('a lightningd with file capabilities is refused: its entry in /proc would belong to root', async ctx => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  if (!works('setcap', 'cap_net_bind_service+ep', installed.lightningd))
    ctx.skip('capabilities cannot be set here');
  const called = holdfast(['run', '--method=pin', installed.lightningd, `--lightning-dir=${dir}/lightning`]);
  expect(called.status).toBe(125);
  expect(called.stderr).toContain("cannot pin: 'bin/lightningd' has file capabilities");
  expect(idsIn(join(dir, 'lightning'))).toEqual([]);
});

describe('under mounts', () => {
  beforeEach(ctx => {
    const reason = noMounts();
    if (reason !== undefined) ctx.skip(reason);
  });

  /** Starts a node after `setup` in namespaces of its own; paths of it are seen through /proc/PID/root. */
  async function startApart(flags: string[], setup: string, installed: StandIn, lightningDir: string) {
    const { output, ended, pid } = start('unshare', [
      ...flags,
      '--fork',
      'sh',
      '-c',
      `${setup} && exec "$@"`,
      'sh',
      ...asUser(ORDINARY_USER),
      HOLDFAST,
      'run',
      '--method=pin',
      installed.lightningd,
      `--lightning-dir=${lightningDir}`,
    ]);
    const inside = await until('the node to start', () => {
      if (/Server started/.test(output())) return childrenOf(pid)[0];
      return undefined;
    });
    endAfterTest(inside); // it changes its user, so no signal of its parent's death reaches it
    const node: Running = { pid: inside, output, ended };
    return nodeAt(installed, `/proc/${inside}/root${lightningDir}`, [], node);
  }

  test('across file systems nothing but lightningd and scripts is copied', async () => {
    const dir = tempDir();
    const { installed, next } = makePair(dir);
    const lightningDir = directoryFor(ORDINARY_USER, dir);
    const setup = `mount -t tmpfs -o mode=0700,uid=${ORDINARY_USER} tmpfs ${lightningDir}`;
    const node = await startApart(['-m'], setup, installed, lightningDir);
    const snapshot = join(
      node.lightningDir,
      'subdaemons',
      readlinkSync(join(node.lightningDir, 'subdaemons/current')),
    );
    const record = readJsonSync(join(snapshot, '.record.json'));
    const placements = new Map(
      record.files.map((file: { path: string; placement: string }) => [file.path, file.placement]),
    );
    expect(placements.get('bin/lightningd')).toBe('copy');
    expect([...placements.values()].filter(placement => placement === 'pin')).toHaveLength(17);
    upgrade('rename', next.prefix, installed.prefix);
    expect(node.cli('open')).toMatchObject({ status: 0, stdout: expect.stringContaining('v25.12') });
    expect(
      works('nsenter', '-t', String(node.pid), '-m', HOLDFAST, 'verify', `--lightning-dir=${lightningDir}`),
    ).toBe(true);
  });

  test('hidepid, subset=pid and a PID namespace are no hindrance to the node; verify from outside does not know, status does', async () => {
    const dir = tempDir();
    const { installed, next } = makePair(dir);
    const lightningDir = directoryFor(ORDINARY_USER, dir);
    const setup = 'mount -t proc -o hidepid=2,subset=pid proc /proc || mount -t proc -o hidepid=2 proc /proc';
    const node = await startApart(['-m', '-p'], setup, installed, lightningDir);
    upgrade('rename', next.prefix, installed.prefix);
    expect(node.cli('open')).toMatchObject({ status: 0, stdout: expect.stringContaining('v25.12') });
    const verify = holdfast(['verify', `--lightning-dir=${lightningDir}`]);
    expect(verify.status).toBe(2);
    expect(verify.stdout).toContain('cannot be seen from here, and the snapshot is in use');
    const status = holdfast(['status', '--json', `--lightning-dir=${lightningDir}`]);
    expect(JSON.parse(status.stdout).nodes).toMatchObject([
      { restartPending: true, overwritten: [], elsewhere: [], pinned: { files: 17, gone: 0, unknown: 0 } },
    ]);
  });

  test('in a PID namespace that sees the /proc of another, links have the numbers of that /proc', async () => {
    const dir = tempDir();
    const installed = makeCInstallation(dir, 'v25.12');
    const lightningDir = directoryFor(ORDINARY_USER, dir);
    const node = await startApart(['-p'], ':', installed, lightningDir);
    const cli = readlinkSync(join(lightningDir, 'subdaemons/current/bin/lightning-cli'));
    expect(cli).toMatch(`/proc/${node.pid}/fd/`);
    expect(node.cli('open')).toMatchObject({ status: 0 });
    expect(holdfast(['verify', `--lightning-dir=${lightningDir}`]).status).toBe(0);
  });
});
