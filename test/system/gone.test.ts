/** An installation that is gone for a moment is waited for, as any half upgrade is. */
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { removeSync } from 'fs-extra/esm';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST, holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { until } from '../helpers/running.ts';
import { ageDirectories, makeCInstallation, noCompiler, start, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

function made() {
  const dir = tempDir();
  const installed = makeCInstallation(join(dir, 'top'), 'v25.12');
  const words = [installed.lightningd, `--lightning-dir=${dir}/lightning`];
  const next = makeCInstallation(join(dir, 'next'), 'v26.03');
  const take = (...options: string[]) => start(HOLDFAST, ['snapshot', ...options, ...words]);
  return { dir, installed, next, words, take };
}

test.each([
  ['all of it', ''],
  ['lightningd', 'bin/lightningd'],
  ['its subdaemons', 'libexec'],
])(
  '%s is gone, and a snapshot of it is there: waited for, however long ago that was',
  async (_what, name) => {
    const { installed, next, words, take } = made();
    snapshotJson(words);
    const away = join(installed.prefix, name);
    renameSync(away, `${installed.prefix}.away`);
    ageDirectories(join(installed.prefix, '..'));
    const waiting = take();
    await until('the line', () => waiting.output().includes('waiting up to 30 s'));
    removeSync(installed.prefix);
    cpSync(next.prefix, installed.prefix, { recursive: true });
    ageDirectories(installed.prefix);
    expect(await waiting.ended, waiting.output()).toBe(0);
    expect(snapshotJson(words)).toMatchObject({ version: 'v26.03', reused: true });
  },
);

test('a configuration file that cannot be read is no reason not to wait: lightningd goes on without it, too', async () => {
  const { dir, installed, words, take } = made();
  snapshotJson(words);
  mkdirSync(join(dir, 'lightning/config'));
  renameSync(installed.lightningd, `${installed.lightningd}.away`);
  const waiting = take();
  await until('the line', () => waiting.output().includes('waiting up to 30 s'));
  renameSync(`${installed.lightningd}.away`, installed.lightningd);
  expect(await waiting.ended, waiting.output()).toBe(0);
  expect(waiting.output()).toMatch(/config': it is a directory \(EISDIR\): lightningd goes on without it/);
});

test.each([['bin'], ['libexec'], ['.']])(
  '%s is being put there for the first time: waited for',
  async name => {
    const { dir, installed, take } = made();
    const whole = join(dir, 'whole');
    renameSync(installed.prefix, whole);
    if (name !== '.') {
      mkdirSync(installed.prefix);
      cpSync(join(whole, name), join(installed.prefix, name), { recursive: true });
    }
    const waiting = take();
    await until('the line', () => waiting.output().includes('waiting up to 30 s'));
    expect(existsSync(join(dir, 'lightning'))).toBe(false); // nothing is made for what is none
    cpSync(whole, installed.prefix, { recursive: true });
    expect(await waiting.ended, waiting.output()).toBe(0);
  },
);

test('nobody is at it, and it was never there: the error at once', () => {
  const { dir, installed, words } = made();
  rmSync(join(installed.prefix, 'libexec'), { recursive: true });
  ageDirectories(dir);
  const { status, stderr } = holdfast(['snapshot', ...words]);
  // its ctime is young, so that this is waited for, but only for so long
  expect(status).toBe(2);
  expect(stderr).toMatch(/belongs to no Core Lightning/);
  expect(readdirSync(dir)).not.toContain('lightning');
});

test('lightningd that would only answer is not waited for', () => {
  const { installed, words } = made();
  snapshotJson(words);
  rmSync(installed.lightningd);
  const { status, stderr } = holdfast(['run', ...words, '--version']);
  expect(status).toBe(127);
  expect(stderr).not.toContain('waiting');
});

test('run: what does not come back is not found', () => {
  const { installed, words } = made();
  snapshotJson(words);
  rmSync(installed.prefix, { recursive: true });
  const { status, stderr } = holdfast(['run', '--settle=0.5', ...words]);
  expect(status).toBe(127);
  expect(stderr).toMatch(/waiting up to 0\.5 s[\s\S]*there is no/);
});
