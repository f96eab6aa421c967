/** Upgrades that no file of the installation's directories tells of: the parent of --on-upgrade sees them all the same. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { count, startParent, upgradeSettled, versionOf } from '../helpers/parent.ts';
import { until, works } from '../helpers/running.ts';
import {
  makeCInstallation,
  makePair,
  type Node,
  noCompiler,
  nodeAt,
  type StandIn,
  tempDir,
} from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

const inNewMounts = ['unshare', '--mount', '--propagation=private'];

/** A node of v25.12 in `<dir>/opt/cln/usr`, under a parent. */
async function startDeep(dir: string): Promise<{ installed: StandIn; next: StandIn; node: Node }> {
  const installed = makeCInstallation(join(dir, 'opt/cln'), 'v25.12');
  const next = makeCInstallation(join(dir, 'next'), 'v26.03');
  const node = await startParent(next, join(dir, 'lightning'), {
    command: [HOLDFAST, 'run', '--verbose', '--settle=3', '--on-upgrade=restart', installed.lightningd],
  });
  return { installed, next, node };
}

test.for([
  ['the prefix', 'opt/cln/usr', 'next/usr'],
  ['its parent', 'opt/cln', 'next'],
  ['a parent further up', 'opt', 'moved'],
])('%s is renamed, and a new one put into its place', async ([, old, young]) => {
  const dir = tempDir();
  const { node } = await startDeep(dir);
  if (young === 'moved') {
    mkdirSync(join(dir, 'moved'));
    renameSync(join(dir, 'next'), join(dir, 'moved/cln'));
  }
  renameSync(join(dir, old!), join(dir, `${old}.old`));
  renameSync(join(dir, young!), join(dir, old!));
  const cli = makeCInstallation(join(dir, 'cli'), 'v26.03');
  await until('the restart', () => versionOf(nodeAt(cli, node.lightningDir, [], node)) === 'v26.03');
});

test('the prefix is gone for a while, and nothing is stopped until it is there again', async () => {
  const dir = tempDir();
  const { installed, next, node } = await startDeep(dir);
  renameSync(installed.prefix, `${installed.prefix}.old`);
  await until('the look', () => node.output().includes('not restarting yet: '));
  expect(versionOf(node)).toBe('v25.12');
  spawnSync('cp', ['-a', next.prefix, installed.prefix]);
  await until('the restart', () => versionOf(node) === 'v26.03');
  await until('one restart to be said', () => count(node.output(), 'Server started') === 2);
});

test('a bind mount over the prefix', async ctx => {
  if (!works(...(inNewMounts as [string]), 'true')) ctx.skip('no mount namespace can be made here');
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const node = await startParent(next, join(dir, 'lightning'), {
    command: [...inNewMounts, HOLDFAST, 'run', '--on-upgrade=restart', installed.lightningd],
  });
  const { status } = spawnSync('nsenter', [
    `--mount=/proc/${node.pid}/ns/mnt`,
    'mount',
    '--bind',
    next.prefix,
    installed.prefix,
  ]);
  expect(status).toBe(0);
  await until('the restart', () => versionOf(node) === 'v26.03');
});

test('a link further along the way is switched: the named one leads to another', async () => {
  const dir = tempDir();
  const [old, young] = ['v25.12', 'v26.03'].map(version => makeCInstallation(join(dir, version), version));
  symlinkSync('v25.12', join(dir, 'current'));
  mkdirSync(join(dir, 'bin'));
  symlinkSync('../current/usr/bin/lightningd', join(dir, 'bin/lightningd'));
  const node = await startParent(old!, join(dir, 'lightning'), {
    command: [HOLDFAST, 'run', '--on-upgrade=restart', join(dir, 'bin/lightningd')],
  });
  spawnSync('ln', ['-sfn', 'v26.03', join(dir, 'current')]);
  await until('the restart', () => versionOf(nodeAt(young!, node.lightningDir, [], node)) === 'v26.03');
});

test('a link is switched while lightningd starts', async () => {
  const dir = tempDir();
  const [_old, young] = ['v25.12', 'v26.03'].map(version => makeCInstallation(join(dir, version), version));
  const link = join(dir, 'current');
  symlinkSync('v25.12', link);
  // the old lightningd is asked for its version when its snapshot is taken: then the link is switched
  const switcher = makeSwitching(join(dir, 'v25.12'), link);
  const node = await startParent(switcher, join(dir, 'lightning'), {
    command: [HOLDFAST, 'run', '--verbose', '--on-upgrade=restart', join(link, 'usr/bin/lightningd')],
  });
  await until('the restart', () => versionOf(nodeAt(young!, node.lightningDir, [], node)) === 'v26.03');
});

/** The installation again, with a subdaemon that switches the link when it is asked for its version. */
function makeSwitching(dir: string, link: string): StandIn {
  const made = makeCInstallation(dir, 'v25.12');
  const hsmd = join(made.libexec, 'lightning_hsmd');
  renameSync(hsmd, join(dir, 'hsmd'));
  spawnSync('sh', [
    '-c',
    `printf '#!/bin/sh\\nln -sfn v26.03 ${link}\\nexec ${dir}/hsmd "$@"\\n' >"$0" && chmod 755 "$0" && touch -d '1 hour ago' "$1"`,
    hsmd,
    made.libexec,
  ]);
  return made;
}

test('lightningd lies at local/bin/ in its snapshot', async () => {
  const dir = tempDir();
  const make = (name: string, version: string) =>
    makeCInstallation(join(dir, name), version, { prefix: 'usr', compiledPrefix: '/usr' });
  const [installed, next] = [make('at', 'v25.12'), make('next', 'v26.03')];
  // BINDIR /usr/local/bin, PKGLIBEXECDIR /usr/libexec/c-lightning: their common prefix is /usr
  for (const { prefix } of [installed, next]) {
    mkdirSync(join(prefix, 'local'));
    renameSync(join(prefix, 'bin'), join(prefix, 'local/bin'));
    spawnSync('sed', [
      '-i',
      's#/usr/bin\\x00\\{11\\}#/usr/local/bin\\x00\\x00\\x00\\x00\\x00#',
      join(prefix, 'local/bin/lightningd'),
    ]);
    spawnSync('find', [prefix, '-type', 'd', '-exec', 'touch', '-d', '1 hour ago', '{}', '+']);
  }
  const cli = makeCInstallation(join(dir, 'cli'), 'v26.03');
  const node = await startParent(cli, join(dir, 'lightning'), {
    command: [
      HOLDFAST,
      'run',
      '--verbose',
      '--on-upgrade=restart',
      join(installed.prefix, 'local/bin/lightningd'),
    ],
  });
  expect(node.info().lightningd).toMatch(/\/subdaemons\/[0-9a-f]{16}\/local\/bin\/lightningd$/);
  upgradeSettled(next.prefix, installed.prefix);
  await until('the restart', () => versionOf(node) === 'v26.03');
});

test('no inotify instance is left at the start: the installation is looked at every ten seconds meanwhile', async ctx => {
  const inUserNamespace = ['unshare', '--user', '--map-root-user'];
  const limit = (n: number) => [
    ...inUserNamespace,
    'sh',
    '-c',
    `echo ${n} >/proc/sys/user/max_inotify_instances && exec "$0" "$@"`,
  ];
  if (!works(...(limit(0) as [string]), 'true')) ctx.skip('no user namespace can be made here');
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const node = await startParent(next, join(dir, 'lightning'), {
    command: [...limit(0), HOLDFAST, 'run', '--on-upgrade=restart', installed.lightningd],
  });
  await until('the warning', () => node.output().includes('EMFILE, inotify_init1'));
  upgradeSettled(next.prefix, installed.prefix);
  const deadline = Date.now() + 40_000;
  while (versionOf(node) !== 'v26.03' && Date.now() < deadline)
    await new Promise(resolve => setTimeout(resolve, 200));
  expect(versionOf(node)).toBe('v26.03');
  expect(count(node.output(), 'inotify_init1')).toBe(1);
});
