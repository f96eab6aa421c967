/** The parent of --on-upgrade where something hangs: what it has started has a limit, and SIGTERM ends it in every state. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { count, lightningdOf, makeWorld, processesIn, upgradeSettled, versionOf } from '../helpers/parent.ts';
import { script, until } from '../helpers/running.ts';
import { isAlive, type Node, noCompiler, tempDir, upgrade } from '../helpers/stand-in.ts';
import { noStrace } from '../helpers/strace.ts';
import { attach } from '../helpers/strace-attach.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

/** SIGTERM ends it, and nothing is left. */
async function expectEnd(node: Node, dir: string): Promise<void> {
  process.kill(node.pid, 'SIGTERM');
  let status: number | undefined;
  void node.ended.then(ended => {
    status = ended;
  });
  await until('the end', () => status !== undefined); // ten seconds are more than twice what it takes
  expect([143, 137]).toContain(status); // by SIGTERM, or by the SIGKILL that lightningd needed
  await until('nothing to be left', () => processesIn(dir).length === 0);
}

/** A node that is asked to be graceful, and takes ten minutes over it. */
const makeGraceful = () =>
  makeWorld(['--on-upgrade=restart', '--graceful=600'], {
    from: 'v26.06',
    to: 'v26.06.6',
    env: { ...process.env, STAND_IN_HTLCS: '800123' },
  });
const GRACEFUL = 'JSON-RPC graceful: preventing more connections';

/** A plugin that does not see the end of its stdin: lightningd's stop waits for it. */
async function makeStubborn() {
  const plugin = script(join(tempDir(), 'stubborn'), '#!/bin/sh\necho $$ >>"$0.pid"\nexec sleep 600\n');
  const world = await makeWorld(undefined, { args: [`--plugin=${plugin}`] });
  const pids = () =>
    existsSync(`${plugin}.pid`) ? readFileSync(`${plugin}.pid`, 'utf8').trim().split('\n') : [];
  await until('the plugin', () => pids().length === 1);
  onTestFinished(() => {
    for (const pid of pids().map(Number)) if (isAlive(pid)) process.kill(pid, 'SIGKILL'); // with or without us it outlives a SIGTERM
  });
  return world;
}

describe('SIGTERM ends it', () => {
  test('while the node runs', async () => {
    const { dir, node } = await makeWorld();
    await expectEnd(node, dir);
  });

  test('while an upgrade is waited for', async () => {
    const { dir, installed, node } = await makeWorld();
    writeFileSync(`${installed.lightningd}.dpkg-new`, 'half an upgrade');
    writeFileSync(join(installed.libexec, 'lightning_hsmd.dpkg-new'), '');
    await until('the look', () => processesIn(dir).some(line => / snapshot /.test(line)));
    await expectEnd(node, dir);
  });

  test('while the restart window is waited for', async () => {
    const hour = (new Date().getHours() + 2) % 24;
    const pad = (n: number) => String(n).padStart(2, '0');
    const window = `--restart-window=${pad(hour)}:00-${pad(hour)}:30`;
    const { dir, installed, next, node } = await makeWorld(['--on-upgrade=restart', window]);
    upgradeSettled(next.prefix, installed.prefix);
    await until('the line', () => node.output().includes(': waiting for the restart window'));
    expect(versionOf(node)).toBe('v25.12');
    await expectEnd(node, dir);
  });

  test('while --restart-if thinks', async () => {
    const { dir, installed, next, node } = await makeWorld([
      '--on-upgrade=restart',
      '--restart-if=echo asked; sleep 600',
    ]);
    upgradeSettled(next.prefix, installed.prefix);
    await until('the question', () => node.output().includes('asked\n'));
    await expectEnd(node, dir);
  });

  test('while lightningd stops', async () => {
    const { dir, installed, next, node } = await makeStubborn();
    upgradeSettled(next.prefix, installed.prefix);
    await until('the stop', () => processesIn(dir).some(line => line.includes('lightning-cli')));
    await expectEnd(node, dir);
  });

  test('while the new version is started', async () => {
    const { dir, installed, next, node } = await makeWorld();
    // it says its version when it is asked, so the gate passes; as a subdaemon it says nothing, and the start waits for it
    script(
      join(next.libexec, 'lightning_gossipd'),
      `#!/bin/sh\n[ "$1" = --version ] && echo v26.03 && exit\nexec sleep 600\n`,
    );
    upgradeSettled(next.prefix, installed.prefix);
    await until('the start', () => /: restarting\n(.*\n)*.*executing /.test(node.output()));
    await expectEnd(node, dir);
  });

  test('while graceful waits for HTLCs', async () => {
    const { dir, installed, next, node } = await makeGraceful();
    upgradeSettled(next.prefix, installed.prefix);
    await until('graceful', () => node.output().includes(GRACEFUL));
    await expectEnd(node, dir);
  });

  test('while lightningd itself is stopped by SIGSTOP', async () => {
    const { dir, node } = await makeWorld();
    process.kill(lightningdOf(node), 'SIGSTOP');
    await expectEnd(node, dir);
  });

  test('while an upgrade that is not complete is looked at again later', async () => {
    const { dir, installed, next, node } = await makeWorld(['--on-upgrade=restart', '--settle=0']);
    upgrade('rename', next.prefix, installed.prefix);
    await until('the line', () => node.output().includes('not restarting yet: '));
    await expectEnd(node, dir);
  });

  test('while a look hangs: its lightningd does not say its version', async () => {
    const { dir, installed, node } = await makeWorld();
    rmSync(join(installed.libexec, 'lightning_hsmd')); // the node executes it: it cannot be written to
    script(join(installed.libexec, 'lightning_hsmd'), '#!/bin/sh\nexec sleep 600\n');
    await until('the look', () => processesIn(dir).some(line => / snapshot /.test(line)));
    await expectEnd(node, dir);
  });

  test('while --restart-if, which ignores SIGTERM, thinks, its children too', async () => {
    const { dir, installed, next, node } = await makeWorld([
      '--on-upgrade=restart',
      // the outer shell ends by SIGTERM, what it has started does not
      `--restart-if=sh -c 'trap "" TERM; echo asked; while :; do sleep 1; done' in-${process.pid}; true`,
    ]);
    upgradeSettled(next.prefix, installed.prefix);
    await until('the question', () => node.output().includes('asked\n'));
    await expectEnd(node, dir);
    expect(processesIn(`in-${process.pid}`)).toEqual([]);
  });

  test('while no process can be had to start the node again', async ctx => {
    const reason = noStrace();
    if (reason !== undefined) ctx.skip(reason);
    const { dir, installed, next, node } = await makeWorld(['--on-upgrade=restart', '--graceful=2'], {
      from: 'v26.06',
      to: 'v26.06.6',
      env: { ...process.env, STAND_IN_HTLCS: '800123' },
    });
    upgradeSettled(next.prefix, installed.prefix);
    await until('graceful', () => node.output().includes(GRACEFUL));
    const calls = 'clone,clone3,vfork';
    const strace = await attach(node.pid, ['-e', `trace=${calls}`, '-e', `inject=${calls}:error=EAGAIN`]);
    // `lightning-cli stop` cannot be started, so SIGTERM stops the node; then nothing runs
    await until('the try', () => /EAGAIN.*posix_spawn.*it will be tried again/.test(node.output()));
    await expectEnd(node, dir);
    await strace.detach();
  });
});

describe('limits', () => {
  test.beforeEach(ctx => {
    if (process.env.HOLDFAST_FAULTS !== 'all') ctx.skip('takes minutes: only with HOLDFAST_FAULTS=all');
  });

  const untilSlow = async (what: string, condition: () => boolean) => {
    const deadline = Date.now() + 120_000;
    while (!condition()) {
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
      await new Promise(resolve => setTimeout(resolve, 200));
    }
  };

  test('--restart-if that thinks for more than a minute says no', { timeout: 150_000 }, async () => {
    const { dir, installed, next, node } = await makeWorld([
      '--on-upgrade=restart',
      '--restart-if=sleep 600',
    ]);
    upgradeSettled(next.prefix, installed.prefix);
    await untilSlow('the limit', () => node.output().includes('--restart-if says no (took too long)'));
    expect(processesIn('sleep 600').filter(line => line.startsWith('sleep'))).toEqual([]);
    await expectEnd(node, dir);
  });

  test('a stop that hangs for more than a minute: SIGTERM, and the new version runs', {
    timeout: 150_000,
  }, async () => {
    const { installed, next, node } = await makeStubborn();
    upgradeSettled(next.prefix, installed.prefix);
    await untilSlow('the restart', () => versionOf(node) === 'v26.03');
    expect(count(node.output(), 'lightningd does not stop by its own command: SIGTERM')).toBe(1);
  });
});
