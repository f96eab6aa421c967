/** What a launch cannot clean up is never the reason that a node does not start. */
import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST, holdfast, ORDINARY_USER, snapshotJson } from '../helpers/holdfast.ts';
import { lastingDir } from '../helpers/mounts.ts';
import { works } from '../helpers/running.ts';
import { makeCInstallation, makePair, noCompiler, startNode, tempDir, upgrade } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

test('a snapshot that cannot be wiped is said at each launch, and goes when it can', async ctx => {
  const dir = lastingDir();
  const { installed, next } = makePair(dir);
  const lightningDir = join(dir, 'lightning');
  const store = join(lightningDir, 'subdaemons');
  const words = [installed.lightningd, `--lightning-dir=${lightningDir}`];
  expect(holdfast(['snapshot', '--method=copy', ...words]).status).toBe(0);
  const [old = ''] = readdirSync(store).filter(name => /^[0-9a-f]{16}$/.test(name));
  const file = join(store, old, 'bin/lightning-cli');
  if (!works('chattr', '+i', file)) ctx.skip('no file can be made immutable here (chattr +i)');
  try {
    upgrade('rename', next.prefix, installed.prefix);
    const node = await startNode(installed, lightningDir, {
      command: [HOLDFAST, 'run', '--method=copy', installed.lightningd],
    });
    expect(node.output()).toContain(
      `holdfast: warning: cannot wipe '${store}/${old}': cannot remove '${file}': operation not permitted (EPERM, unlink); lsattr shows `,
    );
    expect(node.info().version).toBe('v26.03');
    expect(holdfast(['verify', `--lightning-dir=${lightningDir}`]).status).toBe(0);
  } finally {
    works('chattr', '-i', file);
  }
  const again = holdfast(['snapshot', '--method=copy', ...words]);
  expect(again).toMatchObject({ status: 0, stderr: '' });
  expect(readdirSync(store)).not.toContain(old);
});

test('a damaged one that cannot be wiped to make way for a whole one is said once', () => {
  const dir = tempDir();
  const { lightningd } = makeCInstallation(dir, 'v25.12');
  const home = join(dir, 'home');
  const by = process.geteuid?.() === 0 ? { user: ORDINARY_USER } : {}; // root enters every directory
  mkdirSync(home);
  if (by.user !== undefined) chownSync(home, by.user, by.user);
  const words = [lightningd, `--lightning-dir=${join(home, 'lightning')}`];
  const { path } = snapshotJson(words, by);
  chmodSync(join(path, 'bin'), 0);
  try {
    const { status, stdout, stderr } = holdfast(['snapshot', ...words], by);
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${path}.1\n` });
    expect(stderr.match(/cannot wipe/g)).toHaveLength(1);
  } finally {
    chmodSync(join(path, 'bin'), 0o755);
  }
});
