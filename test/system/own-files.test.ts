/** holdfast's own files are replaced, as by a package manager that upgrades it, and perhaps lightningd with it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeSync } from 'fs-extra/esm';
import { beforeEach, expect, test } from 'vitest';
import { copyOfHoldfast, holdfast } from '../helpers/holdfast.ts';
import { makeWorld, upgradeSettled, versionOf } from '../helpers/parent.ts';
import { until } from '../helpers/running.ts';
import { makePair, noCompiler, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

test("a holdfast that is gone when its node's upgrade is looked at: nothing is stopped, and that is said", async () => {
  const own = copyOfHoldfast(tempDir());
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

test('one that is half of something between that look and the start: it is tried again, and the node comes up', async () => {
  const own = copyOfHoldfast(tempDir());
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

test('a SIGHUP while the new node is still to be started is not for holdfast, which it would end', async () => {
  const own = copyOfHoldfast(tempDir());
  mkdirSync(join(own, 'slow'));
  const slow = `process.kill(process.ppid, 'SIGHUP');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    require('../whole/cli.cjs');\n`;
  writeFileSync(join(own, 'slow/cli.cjs'), slow);
  const replacing = `--restart-if=cd '${own}'; mv dist whole && mv slow dist`;
  const { installed, next, node } = await makeWorld(['--on-upgrade=restart', replacing], {
    program: join(own, 'bin/holdfast'),
  });
  upgradeSettled(next.prefix, installed.prefix);
  await until('the restart', () => versionOf(node) === 'v26.03');
  expect(node.output()).not.toContain('did not come up');
});

test('one that is gone for many looks at what moves all the time: it is tried again soon after the last', async () => {
  const own = copyOfHoldfast(tempDir());
  const tries = join(own, 'tries');
  const { installed, next, node } = await makeWorld(undefined, { program: join(own, 'bin/holdfast') });
  renameSync(join(own, 'dist'), join(own, 'whole'));
  mkdirSync(join(own, 'dist'));
  const noting = `require('node:fs').appendFileSync(${JSON.stringify(tries)}, 'x'); process.exit(1);\n`;
  writeFileSync(join(own, 'dist/cli.cjs'), noting);
  const looks = () => (existsSync(tries) ? readFileSync(tries).length : 0);
  upgradeSettled(next.prefix, installed.prefix);
  const data = join(installed.libexec, 'data');
  writeFileSync(data, '');
  for (let n = 0; n < 12; n++) {
    const before = looks();
    renameSync(data, `${data}2`);
    renameSync(`${data}2`, data);
    await until('another look', () => looks() > before);
  }
  removeSync(join(own, 'dist'));
  renameSync(join(own, 'whole'), join(own, 'dist'));
  await until('a look that is answered', () => node.output().includes('holdfast: looked: ')); // nothing moves any more
  await until('the restart', () => versionOf(node) === 'v26.03');
});

test('each file is of one build: no file of another has its name', () => {
  const files = readdirSync(join(copyOfHoldfast(tempDir()), 'dist')).filter(name => name.endsWith('.cjs'));
  expect(files.filter(name => !/-[0-9a-f]{8}\.cjs$/.test(name))).toEqual(['cli.cjs']);
});

test.each(['core', 'build'])('a file that is not there just now is said: %s', name => {
  const own = copyOfHoldfast(tempDir());
  const { installed } = makePair(tempDir());
  const file = readdirSync(join(own, 'dist')).find(each => each.startsWith(`${name}-`)) ?? '';
  renameSync(join(own, 'dist', file), join(own, file));
  const words = ['run', installed.lightningd, `--lightning-dir=${tempDir()}/l`];
  expect(holdfast(words, { program: join(own, 'bin/holdfast') })).toEqual({
    status: 125,
    stdout: '',
    stderr: `holdfast: a file of holdfast itself is not there: '${own}/dist/${file}'
holdfast: hint: where holdfast is being replaced just now, try again; or else install it again
`,
  });
});
