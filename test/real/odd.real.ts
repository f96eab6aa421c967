/** Installations and configurations that are whole but odd: what plain lightningd does with them, and holdfast. */
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
import { ageDirectories } from '../../fixtures/stand-in/layout.js';
import { HOLDFAST, holdfast } from '../helpers/holdfast.ts';
import { fate, opens, setting } from './fate.ts';
import { LIBEXEC, NEW, OLD, upgradeTo, versionOf } from './installation.ts';
import { launch, type RealNode, startNode, until } from './node.ts';
import { note } from './table.ts';

const before = versionOf(OLD);

/** The built-in plugins that run, by name. */
const plugins = (node: RealNode): string[] =>
  node
    .rpc('plugin', 'list')
    .plugins.map(({ name }: { name: string }) => basename(name))
    .filter((name: string) => !name.endsWith('.mjs')) // the backend
    .sort();

/** How a launch came out that may fail. */
const answerOrEnd = async (node: RealNode): Promise<string> => {
  const outcome = await until('the node to answer or to end', () => node.ended ?? node.version());
  return node.ended === undefined ? `starts, ${outcome}` : `refused, ${outcome}`;
};

/** Starts a plain node and one under holdfast with the same arguments, and lets both open a channel. */
async function both(ctx: TestContext, { dir, installed, peer }: Setting, args: string[] = []) {
  ageDirectories(installed.prefix);
  const plain = await startNode(join(dir, 'plain'), { command: [installed.lightningd], args });
  const held = await startNode(join(dir, 'held'), { command: [HOLDFAST, 'run', installed.lightningd], args });
  note(ctx, { plain: await fate(plain, peer, before), held: await fate(held, peer, before) });
  expect(ctx.task.meta).toMatchObject({ plain: opens(before), held: opens(before) });
  return { plain, held };
}
type Setting = Awaited<ReturnType<typeof setting>>;

test('a left-over plugin of another release', async ctx => {
  const at = await setting();
  const plugin = join(at.installed.prefix, LIBEXEC, 'plugins/fetchinvoice');
  copyFileSync(join(NEW, LIBEXEC, 'plugins/pay'), plugin);
  const { plain, held } = await both(ctx, at);
  expect(held.output()).toContain('fetchinvoice');
  expect(plugins(held)).toEqual(plugins(plain));
});

test('a built-in plugin is missing', async ctx => {
  const at = await setting();
  rmSync(join(at.installed.prefix, LIBEXEC, 'plugins/cln-renepay'));
  const { plain, held } = await both(ctx, at);
  expect(held.output()).toContain('cln-renepay');
  expect(plugins(held)).toEqual(plugins(plain));
});

test('a subdaemon is missing that lightningd does not test at its start', async ctx => {
  const { dir, installed } = await setting();
  rmSync(join(installed.prefix, LIBEXEC, 'lightning_dualopend'));
  ageDirectories(installed.prefix);
  await startNode(join(dir, 'plain'), { command: [installed.lightningd] });
  note(ctx, { plain: 'starts' });
  const command = [HOLDFAST, 'run', '--settle=0', installed.lightningd];
  const held = await launch(join(dir, 'held'), { command });
  note(ctx, { held: await answerOrEnd(held) });
  expect(held.ended).toBe('exit 125');
  expect(held.output()).toContain('lightning_dualopend');
});

test('disable-plugin= of a path in the installation', async ctx => {
  const at = await setting();
  const path = join(at.installed.prefix, LIBEXEC, 'plugins/sql');
  const { plain, held } = await both(ctx, at, [`--disable-plugin=${path}`]);
  expect(plugins(plain)).not.toContain('sql');
  expect(plugins(held)).toEqual(plugins(plain));
});

test('plugin= of a built-in one, by its path in the installation', async ctx => {
  const { dir, installed } = await setting();
  const args = [`--plugin=${join(installed.prefix, LIBEXEC, 'plugins/sql')}`];
  const plain = await launch(join(dir, 'plain'), { command: [installed.lightningd], args });
  note(ctx, { plain: await answerOrEnd(plain) });
  const held = await launch(join(dir, 'held'), { command: [HOLDFAST, 'run', installed.lightningd], args });
  note(ctx, { held: await answerOrEnd(held) });
  expect(ctx.task.meta.held, 'it ends by itself, or runs').toMatch(/exit|starts/);
  const running = held.ended === undefined ? plugins(held) : [];
  expect(running, 'one of them runs twice').toEqual([...new Set(running)]);
});

test('subdaemon= of a path in the installation, then upgraded', async ctx => {
  const at = await setting();
  const path = join(at.installed.prefix, LIBEXEC, 'lightning_openingd');
  const { plain, held } = await both(ctx, at, [`--subdaemon=openingd:${path}`]);
  upgradeTo(NEW, at.installed);
  note(ctx, { held: await fate(held, at.peer, before), plain: await fate(plain, at.peer, before) });
  expect(ctx.task.meta.held).toBe(opens(before));
  expect(held.broken()).toEqual([]);
  expect(ctx.task.meta.plain, 'the control shows no disease').not.toBe(opens(before));
});

test('subdaemon= of a path relative to libexec', async ctx => {
  const at = await setting();
  mkdirSync(join(at.installed.prefix, 'own'));
  const program = join(at.installed.prefix, 'own/openingd');
  copyFileSync(join(at.installed.prefix, LIBEXEC, 'lightning_openingd'), program);
  await both(ctx, at, ['--subdaemon=openingd:../../own/openingd']);
});

test('two networks in one lightning-dir, started from two versions', async ctx => {
  const { dir, installed, peer } = await setting();
  const command = [HOLDFAST, 'run', installed.lightningd];
  const first = await startNode(join(dir, 'node'), { command });
  upgradeTo(NEW, installed);
  const second = await startNode(join(dir, 'node'), { command, network: 'signet' });
  note(ctx, { held: `regtest: ${await fate(first, peer, before)}; signet: ${second.version()}` });
  expect(first.open(peer)).toBe('');
  expect(second.version()).toBe(versionOf(NEW));
  const status = JSON.parse(holdfast(['status', '--json', `--lightning-dir=${dir}/node`]).stdout);
  expect(status.nodes).toHaveLength(2);
  expect(status.snapshots).toHaveLength(2);
  for (const node of [first, second]) expect(node.broken()).toEqual([]);
});
