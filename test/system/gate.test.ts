/** The gate, from outside: a half-finished upgrade is waited for or refused, and the store stays as it was. */
import { copyFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { fingerprint, HOLDFAST, holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { until } from '../helpers/running.ts';
import { ageDirectories, makePair, noCompiler, start, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

/** An installation in which one subdaemon is of the next version already. */
function makeMixed() {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const lightningDir = join(dir, 'lightning');
  const words = [installed.lightningd, `--lightning-dir=${lightningDir}`];
  const mix = () => {
    copyFileSync(join(next.libexec, 'lightning_dualopend'), join(dir, 'new'));
    renameSync(join(dir, 'new'), join(installed.libexec, 'lightning_dualopend'));
    ageDirectories(installed.prefix);
  };
  return { dir, installed, next, lightningDir, words, mix };
}

test('a mixed installation is refused with a table of who says what: run 125, snapshot 1; the store is as before', () => {
  const { words, mix, lightningDir } = makeMixed();
  const { id } = snapshotJson(words);
  mix();
  const before = fingerprint(join(lightningDir, 'subdaemons', id));
  const run = holdfast(['run', '--settle=0', ...words]);
  expect(run.status).toBe(125);
  expect(run.stderr).toMatch(/not one version: lightningd is v25\.12/);
  expect(run.stderr).toMatch(/lightning_dualopend\s+DIFFERS\s+v26\.03/);
  const snapshot = holdfast(['snapshot', '--json', '--settle=0', ...words]);
  expect(snapshot.status).toBe(1);
  expect(JSON.parse(snapshot.stdout)).toMatchObject({ error: { code: 'GATE' } });
  expect(fingerprint(join(lightningDir, 'subdaemons', id))).toEqual(before);
  expect(readdirSync(join(lightningDir, 'subdaemons')).sort()).toEqual(
    ['.lock', id, 'CACHEDIR.TAG', 'current'].sort(),
  );
});

test('--no-gate takes it as it is; a later launch with the gate does not believe that snapshot', () => {
  const { words, mix } = makeMixed();
  mix();
  const mixed = snapshotJson(['--no-gate', ...words]);
  expect(mixed).toMatchObject({ version: 'v25.12', reused: false });
  expect(snapshotJson(['--no-gate', ...words])).toMatchObject({ id: mixed.id, reused: true });
  expect(holdfast(['snapshot', '--settle=0', ...words]).status).toBe(1);
});

test('an upgrade that ends in time is waited for, with one line that says for what', async () => {
  const { words, mix, installed, next } = makeMixed();
  mix();
  const waiting = start(HOLDFAST, ['snapshot', ...words]);
  await until('the line', () => waiting.output().includes('waiting up to 30 s'));
  for (const file of readdirSync(next.libexec)) {
    if (!file.startsWith('lightning_')) continue;
    copyFileSync(join(next.libexec, file), join(installed.prefix, 'new'));
    renameSync(join(installed.prefix, 'new'), join(installed.libexec, file));
  }
  for (const file of ['lightningd', 'lightning-cli']) {
    copyFileSync(join(next.prefix, 'bin', file), join(installed.prefix, 'new'));
    renameSync(join(installed.prefix, 'new'), join(installed.prefix, 'bin', file));
  }
  for (const file of readdirSync(join(next.libexec, 'plugins'), { withFileTypes: true })) {
    if (!file.isFile()) continue;
    copyFileSync(join(next.libexec, 'plugins', file.name), join(installed.prefix, 'new'));
    renameSync(join(installed.prefix, 'new'), join(installed.libexec, 'plugins', file.name));
  }
  expect(await waiting.ended).toBe(0);
  expect(waiting.output().match(/waiting up to/g)).toHaveLength(1);
});

test('no wait of one launch holds up another', async () => {
  const { dir, words, mix, lightningDir } = makeMixed();
  const other = makePair(join(dir, 'other'));
  mix();
  const waiting = start(HOLDFAST, ['snapshot', ...words]);
  await until('the line', () => waiting.output().includes('waiting up to 30 s'));
  expect(snapshotJson([other.installed.lightningd, `--lightning-dir=${lightningDir}`])).toMatchObject({
    version: 'v25.12',
  });
  process.kill(waiting.pid, 'SIGTERM');
  expect(await waiting.ended).toBe(143);
});

test("a package manager's temporary name is waited for, then refused by its path", () => {
  const { words, installed } = makeMixed();
  writeFileSync(`${installed.lightningd}.dpkg-new`, 'x');
  ageDirectories(installed.prefix);
  const called = holdfast(['snapshot', '--settle=0.3', ...words]);
  expect(called.status).toBe(1);
  expect(called.stderr).toContain(`${installed.lightningd}.dpkg-new`);
});
