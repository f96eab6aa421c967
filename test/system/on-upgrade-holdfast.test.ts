/** holdfast itself is replaced while it is the parent of a node, as by a package manager that upgrades both. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { copySync } from 'fs-extra/esm';
import { beforeEach, expect, test } from 'vitest';
import { makeWorld, upgradeSettled, versionOf } from '../helpers/parent.ts';
import { until } from '../helpers/running.ts';
import { noCompiler, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

const ROOT = join(import.meta.dirname, '../..');

/** A holdfast that can be removed. */
function makeHoldfast(): string {
  const dir = tempDir();
  for (const part of ['bin', 'dist', 'package.json', 'node_modules/koffi', 'node_modules/@koromix'])
    copySync(join(ROOT, part), join(dir, part), { dereference: true });
  return dir;
}

test('it is gone when an upgrade is looked at: nothing is stopped, and that is said', async () => {
  const own = makeHoldfast();
  const { installed, next, node } = await makeWorld(undefined, { program: join(own, 'bin/holdfast') });
  renameSync(join(own, 'dist'), join(own, 'gone'));
  upgradeSettled(next.prefix, installed.prefix);
  await until('the look', () => node.output().includes('did not answer'));
  expect(node.output()).toMatch(
    /holdfast: not restarting yet: holdfast snapshot did not answer \(status 1\): holdfast itself may be gone, or be replaced just now\n/,
  );
  expect(versionOf(node)).toBe('v25.12');
  renameSync(join(own, 'gone'), join(own, 'dist'));
  upgradeSettled(next.prefix, installed.prefix);
  await until('the restart', () => versionOf(node) === 'v26.03');
});

test('it is gone between the look and the start: the node comes up when it is back', async () => {
  const own = makeHoldfast();
  const removing = `--restart-if=mv '${own}/dist' '${own}/gone'`;
  const { installed, next, node } = await makeWorld(['--on-upgrade=restart', removing], {
    program: join(own, 'bin/holdfast'),
  });
  upgradeSettled(next.prefix, installed.prefix);
  await until('both snapshots to be tried', () => node.output().includes('neither snapshot can be started'));
  expect(versionOf(node)).toBeUndefined();
  renameSync(join(own, 'gone'), join(own, 'dist'));
  await until('the start', () => versionOf(node) === 'v26.03');
  process.kill(node.pid, 'SIGTERM');
  expect(await node.ended).toBe(143);
});
