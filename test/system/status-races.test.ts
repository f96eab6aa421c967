/** What may change while processes are listed: the answer is one that was true at some moment, never a mixture. */
import { spawnSync } from 'node:child_process';
import { realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { script, until } from '../helpers/running.ts';
import { makeCInstallation, noCompiler, nodeAt, start, startNode, tempDir } from '../helpers/stand-in.ts';
import { noStrace, stopAfter } from '../helpers/strace.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? noStrace();
  if (reason !== undefined) ctx.skip(reason);
});

/** The call after which status is stopped, on a path of its own each time. */
const OPENED = { name: 'openat', nth: 1 };

/** A program that becomes a node once it is let go. */
function makeLauncher() {
  const dir = tempDir();
  const standIn = makeCInstallation(dir, 'v25.12', { pythonPlugin: false });
  const lightningDir = join(dir, 'lightning');
  const go = join(dir, 'go');
  spawnSync('mkfifo', [go]);
  const text = `#!/bin/sh\nread word <'${go}'\nexec '${standIn.lightningd}' '--lightning-dir=${lightningDir}'\n`;
  const launcher = start(script(join(dir, 'launcher'), text), []);
  const node = nodeAt(standIn, lightningDir, [], launcher);
  const becomeNode = async () => {
    writeFileSync(go, '\n');
    await until('the node to answer', () => node.cli('getinfo').status === 0);
  };
  const command = [HOLDFAST, 'status', '--json', `--lightning-dir=${lightningDir}`];
  return { dir, standIn, launcher, command, becomeNode };
}

test('a launcher that becomes the node after it was listed is shown as the node', async () => {
  const { launcher, command, standIn, becomeNode } = makeLauncher();
  await until('the launcher', () => launcher.pid > 0);
  const { stdout } = await stopAfter(OPENED, command, becomeNode, `/proc/${launcher.pid}/cmdline`);
  expect(JSON.parse(stdout)).toMatchObject({ nodes: [{ pid: launcher.pid, program: standIn.lightningd }] });
});

test('a node that came up after processes were listed is no node that cannot be seen', async () => {
  const { dir, launcher, command, standIn, becomeNode } = makeLauncher();
  await becomeNode();
  const words = [`--lightning-dir=${join(dir, 'lightning')}`, '--network=regtest'];
  const another = async () => {
    const node = nodeAt(standIn, join(dir, 'lightning'), words.slice(1), start(standIn.lightningd, words));
    await until('the other node to answer', () => node.cli('getinfo').status === 0);
  };
  const { stdout } = await stopAfter(OPENED, command, another, `/proc/${launcher.pid}/stat`);
  const { nodes, unknowns } = JSON.parse(stdout);
  expect(unknowns).toEqual([]);
  expect(nodes).toHaveLength(2);
  expect(nodes).toContainEqual(expect.objectContaining({ pid: launcher.pid }));
});

test('a node that ended while it was looked at, and whose snapshot was wiped, is not one with damage', async () => {
  const dir = tempDir();
  const standIn = makeCInstallation(dir, 'v25.12', { pythonPlugin: false });
  const lightningDir = join(dir, 'lightning');
  const node = await startNode(standIn, lightningDir, { command: [HOLDFAST, 'run', standIn.lightningd] });
  const command = [HOLDFAST, 'status', '--json', `--lightning-dir=${lightningDir}`];
  const snapshot = realpathSync(join(lightningDir, 'subdaemons/current'));
  let wiped = false;
  const endAndWipe = async () => {
    wiped = true;
    process.kill(node.pid, 'SIGKILL');
    await node.ended;
    rmSync(snapshot, { recursive: true });
  };
  const { status, stdout } = await stopAfter(
    { name: 'read', nth: 1 },
    command,
    endAndWipe,
    join(snapshot, '.record.json'),
  );
  expect(wiped).toBe(true);
  expect(JSON.parse(stdout)).toMatchObject({ verdict: 'ok', nodes: [] });
  expect(status).toBe(0);
});
