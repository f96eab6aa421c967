/**
 * The disease and the cure: two nodes of one installation, one plain, one under holdfast. Each opens a channel, the
 * installation is changed under both, and each opens another.
 */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HOLDFAST, holdfast, ORDINARY_USER } from '../helpers/holdfast.ts';
import { lastingDir, noMounts } from '../helpers/mounts.ts';
import { fate, opens, setting } from './fate.ts';
import { type Installed, NEW, OLD, uninstall, upgradeLibexec, upgradeTo, versionOf } from './installation.ts';
import { type NodeOptions, startNode } from './node.ts';
import { note } from './table.ts';

const before = versionOf(OLD);
const root = process.getuid?.() === 0;

const CHANGES: Record<string, (installed: Installed) => void> = {
  'upgraded by rename, as by dpkg': installed => upgradeTo(NEW, installed),
  'all unlinked, then written, as by pacman': installed => upgradeTo(NEW, installed, 'unlink-first'),
  'all unlinked': uninstall,
  'half an upgrade: libexec new, bin/ old': installed => upgradeLibexec(NEW, installed),
};

for (const [what, change] of Object.entries(CHANGES))
  test(what, async ctx => {
    const { dir, installed, peer } = await setting();
    const plain = await startNode(join(dir, 'plain'), { command: [installed.lightningd] });
    const held = await startNode(join(dir, 'held'), { command: [HOLDFAST, 'run', installed.lightningd] });
    for (const node of [plain, held]) expect(node.open(peer)).toBe('');

    change(installed);
    note(ctx, { held: await fate(held, peer, before) });
    note(ctx, { plain: await fate(plain, peer, before) });
    expect(ctx.task.meta.held).toBe(opens(before));
    expect(held.broken()).toEqual([]);
    expect(ctx.task.meta.plain, 'the control shows no disease').not.toBe(opens(before));
  });

/** The ways to start a node; each sees two upgrades and goes on as it was. */
const STARTS: Record<string, { words?: string[]; only?: () => string | undefined } & Partial<NodeOptions>> = {
  'by copies': { words: ['--method=copy'] },
  'an ordinary user': {
    user: ORDINARY_USER,
    only: () => (root ? undefined : 'only root can become another user'),
  },
  'pinned descriptors': { words: ['--method=pin'] },
  'confined by Landlock': { words: ['--confine'] },
  'on a noexec mount, by the fallback': {
    mounts: 'mount -t tmpfs -o noexec none "$D"',
    only: noMounts,
  },
};

for (const [what, { words = [], only, ...options }] of Object.entries(STARTS))
  test(`${what}: upgraded, then all unlinked`, async ctx => {
    const reason = only?.();
    if (reason !== undefined) ctx.skip(reason);
    const { dir, installed, peer } = await setting();
    const env = { XDG_CACHE_HOME: lastingDir() };
    const command = [HOLDFAST, 'run', ...words, installed.lightningd];
    const held = await startNode(join(dir, 'held'), { command, env, ...options });
    expect(held.open(peer)).toBe('');
    for (const change of [() => upgradeTo(NEW, installed), () => uninstall(installed)]) {
      change();
      note(ctx, { held: await fate(held, peer, before) });
      expect(ctx.task.meta.held).toBe(opens(before));
    }
    expect(held.broken()).toEqual([]);
  });

test('--daemon: upgraded by rename', async ctx => {
  const { dir, installed, peer } = await setting();
  const command = [HOLDFAST, 'run', installed.lightningd];
  const held = await startNode(join(dir, 'held'), { command, args: ['--daemon'] });
  expect(held.open(peer)).toBe('');
  upgradeTo(NEW, installed);
  note(ctx, { held: await fate(held, peer, before) });
  expect(ctx.task.meta.held).toBe(opens(before));
  const status = holdfast(['status', '--json', `--lightning-dir=${held.dir}`]);
  expect(JSON.parse(status.stdout).nodes).toMatchObject([{ version: before, restartPending: true }]);
});
