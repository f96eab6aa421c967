/** A lightning-dir that executes nothing: a real node runs all the same, from a fallback. */
import { spawnSync } from 'node:child_process';
import { chownSync, lstatSync, mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { HOLDFAST, holdfast, ORDINARY_USER, snapshotJson } from '../helpers/holdfast.ts';
import { makeCInstallation, noCompiler, startNode, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
  if (process.geteuid?.() !== 0) ctx.skip('needs root, to mount a noexec file system');
});

/** A lightning-dir on a tmpfs mounted noexec, and a cache directory that executes. */
function makeWorld(uid = 0) {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const data = join(dir, 'data');
  mkdirSync(data);
  const mounted = spawnSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    `noexec,mode=700,uid=${uid}`,
    'holdfast-test',
    data,
  ]);
  if (mounted.status !== 0) return undefined;
  onTestFinished(() => {
    spawnSync('umount', ['--lazy', data]);
  });
  // below /var/tmp: /tmp is never taken, since it is cleaned while a node runs
  const cache = spawnSync('mktemp', ['-d', '/var/tmp/holdfast-test-XXXXXX'], {
    encoding: 'utf8',
  }).stdout.trim();
  chownSync(cache, uid, uid);
  onTestFinished(() => {
    spawnSync('rm', ['-rf', cache]);
  });
  const env = { ...process.env, CACHE_DIRECTORY: cache };
  return { installed, lightningDir: join(data, 'lightning'), cache, env };
}

test('a node in a noexec lightning-dir runs from the fallback, and current points there from the store', async ctx => {
  const world = makeWorld() ?? ctx.skip('mount(2) is not permitted here');
  const { installed, lightningDir, cache, env } = world;
  const command = [HOLDFAST, 'run', installed.lightningd];
  const node = await startNode(installed, lightningDir, { command, env });
  expect(node.output()).toMatch(
    /holdfast: warning: no program can be executed below '.*subdaemons'.*\$CACHE_DIRECTORY/,
  );
  const exe = readlinkSync(`/proc/${node.pid}/exe`);
  expect(exe.startsWith(`${cache}/`)).toBe(true);
  expect(node.cli('open').stdout).toContain('v25.12');
  expect(`${readlinkSync(join(lightningDir, 'subdaemons/current'))}/bin/lightningd`).toBe(exe);
  expect(readdirSync(join(lightningDir, 'subdaemons')).sort()).toEqual(['.lock', 'current']);
  expect(snapshotJson([installed.lightningd, `--lightning-dir=${lightningDir}`], { env })).toMatchObject({
    reused: true,
    fallback: '$CACHE_DIRECTORY',
  });
  node.cli('stop');
});

test("an ordinary user's node falls back as well, to a directory of his own, 0700", ctx => {
  const world = makeWorld(ORDINARY_USER) ?? ctx.skip('mount(2) is not permitted here');
  const { installed, lightningDir, env } = world;
  const words = [installed.lightningd, `--lightning-dir=${lightningDir}`];
  const result = snapshotJson(words, { env, user: ORDINARY_USER });
  const store = lstatSync(join(result.path, '..'));
  expect([store.uid, store.mode & 0o7777]).toEqual([ORDINARY_USER, 0o700]);
  expect(snapshotJson(words, { env, user: ORDINARY_USER })).toMatchObject({ id: result.id, reused: true });
});

test('with --no-fallback it fails, and leaves nothing half-made', ctx => {
  const world = makeWorld() ?? ctx.skip('mount(2) is not permitted here');
  const { installed, lightningDir, cache, env } = world;
  const words = ['--no-fallback', installed.lightningd, `--lightning-dir=${lightningDir}`];
  const called = holdfast(['run', ...words], { env });
  expect(called.status).toBe(125);
  expect(called.stderr).toMatch(/no program can be executed below/);
  expect(holdfast(['snapshot', ...words], { env }).status).toBe(1);
  expect(readdirSync(join(lightningDir, 'subdaemons'))).toEqual(['.lock']);
  expect(readdirSync(cache)).toEqual([]);
});
