/** How the parent of --on-upgrade stops a node and starts the next: nothing that it does leaves a node down that could run. */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { damageOf } from '../helpers/faults.ts';
import { HOLDFAST, holdfast } from '../helpers/holdfast.ts';
import {
  count,
  lightningdOf,
  makeWorld,
  processesIn,
  startParent,
  upgradeSettled,
  versionOf,
} from '../helpers/parent.ts';
import { script, until, works } from '../helpers/running.ts';
import { isAlive, makeCInstallation, makePair, type Node, noCompiler, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

const snapshotOf = (node: Node) => node.info().lightningd.replace(/\/bin\/lightningd$/, '');
const GRACEFUL = 'JSON-RPC graceful: preventing more connections';

describe('graceful', () => {
  test('v26.06 and newer are asked for it before they are stopped', async () => {
    const { installed, next, node } = await makeWorld(undefined, { from: 'v26.06', to: 'v26.06.6' });
    upgradeSettled(next.prefix, installed.prefix);
    await until('the restart', () => versionOf(node) === 'v26.06.6');
    expect(count(node.output(), GRACEFUL)).toBe(1);
    expect(node.output()).not.toMatch(/graceful failed|SIGTERM|pending/);
  });

  test('an older one, which does not know it, is just stopped', async () => {
    const { installed, next, node } = await makeWorld();
    upgradeSettled(next.prefix, installed.prefix);
    await until('the restart', () => versionOf(node) === 'v26.03');
    expect(node.output()).not.toMatch(/graceful|SIGTERM/);
  });

  test('HTLCs that do not end in time are said, and the node is stopped all the same', async () => {
    const { installed, next, node } = await makeWorld(['--on-upgrade=restart', '--graceful=1'], {
      from: 'v26.06',
      to: 'v26.06.6',
      env: { ...process.env, STAND_IN_HTLCS: '800123,800200' },
    });
    upgradeSettled(next.prefix, installed.prefix);
    await until('the restart', () => versionOf(node) === 'v26.06.6');
    expect(node.output()).toContain(
      'holdfast: 2 HTLCs are still pending after 1 s, the first expiry at block 800123 (pending_htlc_expiries): stopping all the same\n',
    );
  });

  test('--graceful=0: not asked', async () => {
    const { installed, next, node } = await makeWorld(['--on-upgrade=restart', '--graceful=0'], {
      from: 'v26.06',
      to: 'v26.06.6',
    });
    upgradeSettled(next.prefix, installed.prefix);
    await until('the restart', () => versionOf(node) === 'v26.06.6');
    expect(node.output()).not.toContain(GRACEFUL);
  });
});

test.for(['restart', 'notify'])('%s: a downgrade is said once, and nothing is done', async mode => {
  const { installed, next, node } = await makeWorld([`--on-upgrade=${mode}`], {
    from: 'v26.06.6',
    to: 'v25.12.1',
  });
  const [pid, snapshot] = [lightningdOf(node), snapshotOf(node)];
  upgradeSettled(next.prefix, installed.prefix);
  await until('the line', () => node.output().includes(': a downgrade is no upgrade'));
  const looks = count(node.output(), 'holdfast: looked: ');
  upgradeSettled(next.prefix, installed.prefix, ['bin/reckless']);
  await until('the next look', () => count(node.output(), 'holdfast: looked: ') > looks);
  expect(count(node.output(), ': a downgrade is no upgrade')).toBe(1);
  expect(lightningdOf(node)).toBe(pid);
  expect(damageOf(snapshot)).toBe('');
  const status = holdfast(['status', `--lightning-dir=${node.lightningDir}`]);
  expect(status.stdout).toContain(
    "restart  PENDING: installed is v25.12.1, older than v26.06.6: it may refuse the node's database\n",
  );
});

test('versions that cannot be compared: that is said, and it is an upgrade', async () => {
  const { installed, next, node } = await makeWorld(undefined, {
    from: 'v26.06.6',
    to: 'v26.06-258-g090f4b0',
  });
  upgradeSettled(next.prefix, installed.prefix);
  await until('the restart', () => versionOf(node) === 'v26.06-258-g090f4b0');
  expect(node.output()).toContain(' runs; which of them is newer cannot be told: restarting\n');
});

describe('the new version does not come up', () => {
  /** As a subdaemon it says nothing; when it is asked for its version it says it, so the gate passes. */
  const broken = (libexec: string, does = ':') =>
    script(
      join(libexec, 'lightning_gossipd'),
      `#!/bin/sh\nif [ "$1" = --version ]; then echo v26.03; else ${does}; fi\n`,
    );

  test('what ran before is started again from its snapshot, and the new one is not tried twice', async () => {
    const { installed, next, node } = await makeWorld();
    const snapshot = snapshotOf(node);
    broken(next.libexec);
    upgradeSettled(next.prefix, installed.prefix);
    await until(
      'the old one to run again',
      () => node.output().includes('did not come up') && versionOf(node) === 'v25.12',
    );
    expect(node.output()).toContain(
      'holdfast: v26.03 did not come up (status 1): starting v25.12 again, from its snapshot\n',
    );
    expect(snapshotOf(node)).toBe(snapshot);
    await until('the next look', () =>
      node.output().includes(': it did not come up before, and is not tried again'),
    );
    expect(count(node.output(), 'Server started')).toBe(2);
    expect(damageOf(snapshot)).toBe('');

    upgradeSettled(makeCInstallation(join(next.prefix, '../third'), 'v26.03.1').prefix, installed.prefix);
    await until('the third version', () => versionOf(node) === 'v26.03.1');
  });

  test('because it was stopped before we knew that it answers: that is no failure of its', async () => {
    const dir = tempDir();
    const { installed, next } = makePair(dir);
    const home = join(dir, 'lightning');
    const mark = join(dir, 'stop');
    const stop = `${join(next.prefix, '../cli')} --lightning-dir=${home} stop`;
    copyFileSync(installed.cli, join(next.prefix, '../cli'));
    const plugin = script(
      join(dir, 'stopper'),
      `#!/bin/sh\n[ ! -e ${mark} ] || (until ${stop}; do sleep 0.01; done) >/dev/null 2>&1 &\nexec cat\n`,
    );
    const node = await startParent(installed, home, {
      command: [HOLDFAST, 'run', '--on-upgrade=restart', installed.lightningd],
      args: [`--plugin=${plugin}`],
    });
    writeFileSync(mark, '');
    upgradeSettled(next.prefix, installed.prefix);
    expect(await node.ended).toBe(0);
    expect(node.output()).not.toContain('did not come up');
  });

  test('nor does the old one: its status is ours', async () => {
    const { installed, next, node } = await makeWorld();
    // as a migrated database does, it keeps the old one from starting: where the socket is to be there is a directory
    broken(next.libexec, 'mkdir lightning-rpc');
    upgradeSettled(next.prefix, installed.prefix);
    expect(await node.ended).toBe(1);
    expect(node.output()).toContain('Could not listen on lightning-rpc');
    expect(node.output()).toContain(
      'holdfast: lightningd ended with status 1, after the upgrade from v25.12\n',
    );
  });
});

describe('the installation, once the node is to be stopped,', () => {
  /** An upgrade whose veto does this to the installation, `$P`, and says yes. */
  async function upgradeAnd(meanwhile: string) {
    const dir = tempDir();
    const { installed, next } = makePair(dir);
    const third = makeCInstallation(join(dir, 'third'), 'v26.06');
    const node = await startParent(third, join(dir, 'lightning'), {
      command: [
        HOLDFAST,
        'run',
        '--on-upgrade=restart',
        '--settle=3',
        `--restart-if=P=${installed.prefix}; T=${third.prefix}; ${meanwhile}`,
        installed.lightningd,
      ],
    });
    upgradeSettled(next.prefix, installed.prefix);
    return node;
  }

  test('is removed: the node runs what the look has taken', async () => {
    const node = await upgradeAnd('rm -r $P');
    await until('the restart', () => versionOf(node) === 'v26.03');
    await until('the word', () => node.output().includes('not restarting yet: '));
  });

  test('is half of a third version: the node runs what the look has taken', async () => {
    const node = await upgradeAnd(
      'cp --remove-destination $T/libexec/c-lightning/lightning_* $P/libexec/c-lightning/',
    );
    await until('the restart', () => versionOf(node) === 'v26.03');
    await until('the word', () => node.output().includes('not restarting yet: '));
    expect(node.output()).not.toContain('BROKEN');
  });

  test('is written to through the hard links of its snapshot: the node runs what it ran before', async () => {
    const node = await upgradeAnd(
      'cd $T/libexec/c-lightning; for f in lightning_*; do cat $f >$P/libexec/c-lightning/$f; done',
    );
    await until(
      'what ran before',
      () => node.output().includes('did not come up') && versionOf(node) === 'v25.12',
    );
    expect(node.output()).toMatch(/'.*' and \d more is not what was placed there/);
    expect(node.output()).not.toContain('BROKEN');
  });
});

test('a subdaemon that is slow to see the end of its node is ended before the next one starts', async () => {
  const { installed, next, node } = await makeWorld();
  const pid = lightningdOf(node);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  const connectd = children.find(child =>
    readFileSync(`/proc/${child}/comm`, 'utf8').startsWith('lightning_conne'),
  );
  process.kill(connectd!, 'SIGSTOP'); // as one that is busy
  rmSync(join(node.lightningDir, 'bitcoin/lightning-rpc')); // it is ended by SIGTERM, and ends none of its own
  upgradeSettled(next.prefix, installed.prefix);
  await until('the old one to end', () => !isAlive(pid));
  await until('the restart', () => versionOf(node) === 'v26.03');
  expect(isAlive(connectd!)).toBe(false);
});

test('after the restart the old snapshot is wiped, and no other is left', async () => {
  const { dir, installed, next, node } = await makeWorld();
  const old = snapshotOf(node);
  upgradeSettled(next.prefix, installed.prefix);
  await until('the restart', () => versionOf(node) === 'v26.03');
  await until('the wipe', () => !existsSync(old));
  const ids = readdirSync(join(dir, 'lightning/subdaemons')).filter(name => /^[0-9a-f]{16}/.test(name));
  expect(ids).toEqual([snapshotOf(node).split('/').at(-1)]);
});

test('it ends by the very signal that ended it', async () => {
  const { prefix, lightningd, cli } = makeCInstallation(tempDir(), 'v25.12');
  const directory = tempDir();
  const child = spawn(
    HOLDFAST,
    ['run', '--on-upgrade=restart', lightningd, `--lightning-dir=${directory}/l`],
    { stdio: 'ignore' },
  );
  const ended = new Promise(resolve => child.once('exit', (code, signal) => resolve({ code, signal })));
  await until('the node', () => spawnSync(cli, [`--lightning-dir=${directory}/l`, 'getinfo']).status === 0);
  child.kill('SIGTERM');
  expect(await ended).toEqual({ code: null, signal: 'SIGTERM' });
  expect(processesIn(prefix)).toEqual([]);
});

test('with PID 1 it takes the ends of orphans, and ends by SIGTERM', async ctx => {
  const alone = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];
  if (!works(...(alone as [string]), 'true')) ctx.skip('no PID namespace can be made here');
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  // its own child is an orphan as soon as it is there, and ends a moment later
  const plugin = script(
    join(dir, 'forker'),
    `#!/bin/sh\n(sh -c 'sleep 0.2; : >${dir}/orphan-ended' &)\nexec cat\n`,
  );
  const node = await startParent(installed, join(dir, 'lightning'), {
    command: [...alone, HOLDFAST, 'run', '--on-upgrade=restart', installed.lightningd],
    args: [`--plugin=${plugin}`],
  });
  await until('the orphan', () => existsSync(join(dir, 'orphan-ended')));
  const parent = Number(readFileSync(`/proc/${node.pid}/task/${node.pid}/children`, 'utf8').trim());
  const zombies = () =>
    readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(pid => !isAlive(Number(pid)));
  await until('no zombie to be left', () => zombies().length === 0);
  expect(readFileSync(`/proc/${parent}/status`, 'latin1')).toMatch(/^NSpid:.*\t1$/m);
  process.kill(parent, 'SIGTERM');
  expect(await node.ended).toBe(143);
});
