/** holdfast itself is replaced while it is the parent of a node, as by a package manager that upgrades both. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
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

test('it is half of something between the look and the start: it is tried again, and the node comes up', async () => {
  const own = makeHoldfast();
  const tries = join(own, 'tries');
  mkdirSync(join(own, 'half'));
  const noting = `require('node:fs').appendFileSync(${JSON.stringify(tries)}, 'x'); process.exit(1);\n`;
  writeFileSync(join(own, 'half/cli.cjs'), noting);
  const replacing = `--restart-if=cd '${own}'; [ ! -d half ] || { mv dist whole && mv half dist; }`;
  const { installed, next, node } = await makeWorld(['--on-upgrade=restart', replacing], {
    program: join(own, 'bin/holdfast'),
  });
  upgradeSettled(next.prefix, installed.prefix);
  // the new snapshot, the old one, what is installed, and from there again
  await until('five starts', () => existsSync(tries) && readFileSync(tries).length >= 5);
  expect(versionOf(node)).toBeUndefined();
  renameSync(join(own, 'dist'), join(own, 'used'));
  renameSync(join(own, 'whole'), join(own, 'dist'));
  await until('the start', () => versionOf(node) === 'v26.03');
  process.kill(node.pid, 'SIGTERM');
  expect(await node.ended).toBe(143);
});
