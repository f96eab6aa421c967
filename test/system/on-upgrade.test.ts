/** `run --on-upgrade`, from outside: real upgrades under a node whose parent restarts it, or says so. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { makeRoot, noDpkg } from '../helpers/dpkg.ts';
import { HOLDFAST, holdfast } from '../helpers/holdfast.ts';
import { count, lightningdOf, makeWorld, startParent, upgradeSettled, versionOf } from '../helpers/parent.ts';
import { script, until, works } from '../helpers/running.ts';
import {
  ageDirectories,
  childrenOf,
  makeCInstallation,
  makePair,
  noCompiler,
  nodeAt,
  start,
  tempDir,
} from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

describe('under the real dpkg', () => {
  test('an upgrade leads to one restart under the same PID, the same upgrade again to none', async ctx => {
    const reason = noDpkg();
    if (reason !== undefined) ctx.skip(reason);
    const world = makeRoot();
    world.install(world.old);
    const cli = join(world.dir, 'lightning-cli');
    copyFileSync(join(world.dir, 'v25.12/usr/bin/lightning-cli'), cli);
    const standIn = { ...makePair(join(world.dir, 'pair')).installed, cli, lightningd: world.lightningd };
    const node = await startParent(standIn, join(world.dir, 'lightning'), {
      command: [HOLDFAST, 'run', '--verbose', '--on-upgrade=restart', world.lightningd],
    });
    const before = lightningdOf(node);
    world.install(world.young);
    await until('the node to be v26.03', () => versionOf(node) === 'v26.03');
    expect(lightningdOf(node)).not.toBe(before);
    await until('the look after it', () => childrenOf(node.pid).join() === String(lightningdOf(node)));

    const looks = count(node.output(), 'holdfast: looked: ');
    world.install(world.young);
    await until('the next look', () => count(node.output(), 'holdfast: looked: ') > looks);
    expect(count(node.output(), ': restarting')).toBe(1);
    expect(count(node.output(), 'Server started')).toBe(2);
    expect(node.output()).not.toContain('BROKEN');
    process.kill(node.pid, 'SIGTERM');
    expect(await node.ended).toBe(143);
  });
});

test('ten upgrades in a row under load of spawns: each is one restart, and no version is mixed', async () => {
  const { dir, installed, node } = await makeWorld();
  let spawns = 0;
  for (let round = 1; round <= 10; round++) {
    const version = `v25.12.${round}`;
    upgradeSettled(makeCInstallation(join(dir, version), version).prefix, installed.prefix);
    await until(`round ${round}`, () => {
      const { status, stdout } = node.cli('open');
      if (status === 0) spawns++;
      return versionOf(node) === version && stdout;
    });
  }
  await until('the last start to be said', () => count(node.output(), 'Server started') >= 11);
  expect(node.output()).not.toContain('BROKEN');
  expect(count(node.output(), ': restarting')).toBe(10);
  expect(count(node.output(), 'Server started')).toBe(11);
  console.log(`ten upgrades: ${spawns} channels opened meanwhile, 0 mixed`);
});

describe('a node that ends by itself is the end of its parent, with its status', () => {
  test('killed by SIGKILL: 137, and no restart', async () => {
    const { node } = await makeWorld();
    process.kill(lightningdOf(node), 'SIGKILL');
    expect(await node.ended).toBe(137);
    expect(count(node.output(), 'Server started')).toBe(1);
  });

  test('stopped by lightning-cli: 0', async () => {
    const { node } = await makeWorld();
    node.cli('stop');
    expect(await node.ended).toBe(0);
  });

  test('it does not start: its status, and no line more than without a parent', () => {
    const { prefix, lightningd, libexec } = makeCInstallation(tempDir(), 'v25.12');
    script(join(libexec, 'lightning_hsmd'), '#!/bin/sh\necho v25.09\n'); // --no-gate lets it pass, lightningd does not
    ageDirectories(prefix);
    const dir = tempDir();
    const words = (...options: string[]) => [
      'run',
      '--no-gate',
      ...options,
      lightningd,
      `--lightning-dir=${dir}/l`,
    ];
    const plain = holdfast(words());
    expect(plain.status).not.toBe(0);
    expect(holdfast(words('--on-upgrade=restart'))).toEqual(plain);
    const missing = ['run', '--on-upgrade=restart', '/nowhere/lightningd'];
    expect(holdfast(missing).status).toBe(127);
  });
});

test('SIGHUP is passed on', async () => {
  const { node } = await makeWorld();
  process.kill(node.pid, 'SIGHUP');
  expect(await node.ended).toBe(129); // the stand-in does not handle it, and dies
});

test('what nohup ignores does not end the parent either', async () => {
  const dir = tempDir();
  const { installed } = makePair(dir);
  const node = await startParent(installed, join(dir, 'lightning'), {
    command: ['nohup', HOLDFAST, 'run', '--on-upgrade=restart', installed.lightningd],
  });
  process.kill(node.pid, 'SIGHUP');
  process.kill(lightningdOf(node), 'SIGHUP');
  expect(versionOf(node)).toBe('v25.12');
});

test('a veto is asked once for one upgrade, whatever else changes, and holds it back until another version is installed', async () => {
  const dir = tempDir();
  const facts = '$HOLDFAST_RUNNING_VERSION to $HOLDFAST_INSTALLED_VERSION';
  const { installed, next } = makePair(dir);
  const cli = join(dir, 'lightning-cli');
  copyFileSync(installed.cli, cli);
  const node = await startParent({ ...installed, cli }, join(dir, 'lightning'), {
    command: [
      HOLDFAST,
      'run',
      '--verbose',
      '--on-upgrade=restart',
      `--restart-if=echo "${facts}"; test -e ${dir}/yes`,
      installed.lightningd,
    ],
  });
  upgradeSettled(next.prefix, installed.prefix);
  await until('the veto', () => node.output().includes('--restart-if says no (status 1)'));
  expect(versionOf(node)).toBe('v25.12');
  writeFileSync(join(dir, 'yes'), '');
  const looks = count(node.output(), 'holdfast: looked: ');
  upgradeSettled(next.prefix, installed.prefix, ['bin/lightning-cli']);
  await until('the next look', () => count(node.output(), 'holdfast: looked: ') > looks);
  expect(count(node.output(), 'v25.12 to v26.03\n')).toBe(1);
  upgradeSettled(makeCInstallation(join(dir, 'third'), 'v26.03.1').prefix, installed.prefix);
  await until('the restart', () => versionOf(node) === 'v26.03.1');
  expect(node.output()).toContain('v25.12 to v26.03.1\n');
});

test('notify only says it, once, and to the service manager', async ctx => {
  if (!works('python3', '-c', '0')) ctx.skip('no python3 here, to be a service manager');
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const socket = join(dir, 'notify');
  const listen = `import socket\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.bind('${socket}')\nwhile True: print(s.recv(4096).decode(), flush=True)`;
  const manager = start('python3', ['-c', listen]);
  await until('the manager', () => existsSync(socket));
  const node = await startParent(installed, join(dir, 'lightning'), {
    command: [HOLDFAST, 'run', '--verbose', '--on-upgrade=notify', installed.lightningd],
    env: { ...process.env, NOTIFY_SOCKET: socket },
  });
  upgradeSettled(next.prefix, installed.prefix);
  await until('the message', () => manager.output().includes('a restart is due'));
  const looks = count(node.output(), 'holdfast: looked: ');
  upgradeSettled(next.prefix, installed.prefix, ['bin/reckless']);
  await until('the next look', () => count(node.output(), 'holdfast: looked: ') > looks);
  expect(count(node.output(), ': a restart is due')).toBe(1);
  expect(manager.output()).toMatch(
    /^STATUS=v26\.03 \([0-9a-f]{16}\) is installed, v25\.12 \([0-9a-f]{16}\) runs: a restart is due\n$/,
  );
  expect(count(node.output(), 'Server started')).toBe(1);
  const status = holdfast(['status', `--lightning-dir=${node.lightningDir}`]);
  expect(status.stdout).toContain('restart  PENDING: installed is v26.03, not v25.12');
});

test('a link that is switched to another installation is an upgrade too', async () => {
  const dir = tempDir();
  const [old, young] = ['v25.12', 'v26.03'].map(version => makeCInstallation(join(dir, version), version));
  const link = join(dir, 'current');
  const switchTo = (version: string) => spawnSync('ln', ['-sfn', version, link]);
  switchTo('v25.12');
  const node = await startParent(old!, join(dir, 'lightning'), {
    command: [HOLDFAST, 'run', '--on-upgrade=restart', join(link, 'usr/bin/lightningd')],
  });
  switchTo('v26.03');
  const after = nodeAt(young!, node.lightningDir, [], node);
  await until('the restart', () => versionOf(after) === 'v26.03');
});

test('while nothing happens, no thread of the parent wakes up', async () => {
  const { node } = await makeWorld();
  const switches = () =>
    readdirSync(`/proc/${node.pid}/task`).map(task => {
      const status = readFileSync(`/proc/${node.pid}/task/${task}/status`, 'latin1');
      return [task, ...(status.match(/ctxt_switches:\s+\d+/g) ?? [])].join(' ');
    });
  let before = switches();
  // it may still be busy with its start: quiet is two looks, a second apart, that agree
  await until('the parent to be quiet', () => {
    spawnSync('sleep', ['1']);
    const now = switches();
    const isQuiet = now.join() === before.join();
    before = now;
    return isQuiet;
  });
  spawnSync('sleep', ['3']);
  expect(switches()).toEqual(before);
});

test('while nothing happens, less than 30 MB of the parent are resident, of which less than 20 are its own', async () => {
  const { node } = await makeWorld();
  const memory = () => {
    const text = readFileSync(`/proc/${node.pid}/smaps_rollup`, 'latin1');
    const kB = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]);
    return { resident: kB('Rss'), own: kB('Private_Dirty') };
  };
  const { resident, own } = await until('it to sleep', () => memory().resident < 30_000 && memory());
  console.log(`the idle parent: ${resident} kB resident, ${own} kB of them its own`);
  expect(own).toBeLessThan(20_000);
});

test.for([
  [['--on-upgrade=reboot'], '--on-upgrade=reboot is none of restart, notify'],
  [
    ['--restart-window=03:00-05:00'],
    '--restart-window, --restart-if and --graceful go with --on-upgrade=restart',
  ],
  [
    ['--on-upgrade=notify', '--restart-if=true'],
    '--restart-window, --restart-if and --graceful go with --on-upgrade=restart',
  ],
  [['--graceful=5'], '--restart-window, --restart-if and --graceful go with --on-upgrade=restart'],
  [['--on-upgrade=restart', '--graceful=soon'], '--graceful=soon is no whole number of seconds'],
  [['--on-upgrade=restart', '--use=current'], '--use and --on-upgrade exclude each other'],
  [['--on-upgrade=restart', '--restart-window=3-5'], '--restart-window=3-5 is no time of day: 03:00-05:00'],
  [['--on-upgrade=restart', '--method=pin'], '--method=pin and --on-upgrade exclude each other'],
  [['--on-upgrade=restart', '--from=x.tar'], '--from and --on-upgrade exclude each other'],
] as const)('%j is a usage error', ([words, message]) => {
  const { status, stderr } = holdfast(['run', ...words, '--', '--network=regtest']);
  expect({ status, stderr }).toEqual({ status: 125, stderr: expect.stringContaining(message) });
});

test('a daemon is refused before anything is made', () => {
  const dir = tempDir();
  const { lightningd } = makeCInstallation(dir, 'v25.12');
  mkdirSync(join(dir, 'l'));
  const { status, stderr } = holdfast([
    'run',
    '--on-upgrade=restart',
    lightningd,
    `--lightning-dir=${dir}/l`,
    '--daemon',
  ]);
  expect({ status, stderr }).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('daemon exclude each other'),
  });
  expect(readdirSync(join(dir, 'l'))).toEqual([]);
});
