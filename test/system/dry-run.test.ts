/** `holdfast snapshot --dry-run`: says what a launch would do, and leaves nothing of it. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { beforeEach, expect, test } from 'vitest';
import { holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { inMountNamespace } from '../helpers/in-namespace.ts';
import { readJson } from '../helpers/schema.ts';
import { ageDirectories, makePair, noCompiler, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

function makeWorld() {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const lightningDir = join(dir, 'lightning');
  return {
    dir,
    installed,
    next,
    lightningDir,
    words: [installed.lightningd, `--lightning-dir=${lightningDir}`],
  };
}

test('says what the snapshot would be, where it would be, and makes not even the lightning-dir', () => {
  const { dir, lightningDir, words } = makeWorld();
  const before = readdirSync(dir);
  const called = holdfast(['snapshot', '--dry-run', '--json', ...words]);
  expect(called.stderr).toBe('');
  const result = readJson('snapshot', called.stdout);
  expect(readdirSync(dir)).toEqual(before);
  expect(existsSync(lightningDir)).toBe(false);
  const real = snapshotJson(words);
  expect({ ...result, steps: [] }).toEqual({ ...real, dryRun: true, steps: [] });
});

test('leaves a store as it is: its snapshots, its current, and what it would wipe', () => {
  const { lightningDir, words } = makeWorld();
  snapshotJson(words);
  const left = () => readdirSync(lightningDir, { recursive: true, encoding: 'utf8' }).sort();
  mkdirSync(join(lightningDir, 'subdaemons/.staging-1-00000000'));
  const before = left();
  expect(holdfast(['snapshot', '--dry-run', ...words]).status).toBe(0);
  expect(left()).toEqual(before);
});

test('refuses what a launch would refuse: a mixed installation, a store with a stranger in it', () => {
  const { installed, next, lightningDir, words } = makeWorld();
  ensureDirSync(join(lightningDir, 'subdaemons'));
  writeFileSync(join(lightningDir, 'subdaemons/mine'), '');
  expect(holdfast(['snapshot', '--dry-run', ...words])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("holds 'mine', which holdfast did not make"),
  });
  rmSync(join(lightningDir, 'subdaemons'), { recursive: true });
  renameSync(join(next.libexec, 'lightning_openingd'), join(installed.libexec, 'lightning_openingd'));
  ageDirectories(installed.prefix);
  expect(holdfast(['snapshot', '--dry-run', '--settle=0', ...words])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('lightning_openingd'),
  });
  expect(readdirSync(lightningDir)).toEqual([]);
});

test('names the fallback where the store executes nothing', ctx => {
  if (process.geteuid?.() !== 0) ctx.skip('mounting takes root');
  const { dir, lightningDir, words } = makeWorld();
  mkdirSync(lightningDir);
  const [result, ...left] = inMountNamespace<{ path: string; fallback: string }>(
    dir,
    `
mount -t tmpfs -o noexec tmpfs "$D/lightning"
mount -t tmpfs -o mode=755 tmpfs /var/tmp # /tmp is never taken
mkdir /var/tmp/cache
CACHE_DIRECTORY=/var/tmp/cache "$HOLDFAST" snapshot --dry-run --json ${words.join(' ')}
find "$D/lightning" /var/tmp | sed 's/.*/"&"/'`,
  );
  expect(result).toMatchObject({ fallback: '$CACHE_DIRECTORY', dryRun: true });
  expect(result?.path).toMatch(/^\/var\/tmp\/cache\//);
  expect(left).toEqual([lightningDir, '/var/tmp', '/var/tmp/cache']);
});
