/** `--on-upgrade=restart` with real nodes: a database that is migrated, a downgrade, and `graceful`. */
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { fate, opens, setting } from './fate.ts';
import { LIBEXEC, NEW, OLD, upgradeTo, versionOf } from './installation.ts';
import { launch, type RealNode, startNode, until } from './node.ts';
import { note } from './table.ts';

const before = versionOf(OLD);
const after = versionOf(NEW);
/** A build between releases migrates a release's database only where it is told to. */
const args = /-g[0-9a-f]+/.test(after) ? ['--database-upgrade=true'] : [];

test('--on-upgrade=restart: upgraded, then downgraded', async ctx => {
  const { dir, installed, peer } = await setting();
  const command = [HOLDFAST, 'run', '--on-upgrade=restart', installed.lightningd];
  const node = await startNode(join(dir, 'held'), { command, args });
  expect(await fate(node, peer, before)).toBe(opens(before));

  upgradeTo(NEW, installed);
  await until('the restart', () => node.version() === after);
  expect(node.log().includes('JSON-RPC shutdown'), 'it was asked to stop').toBe(true);
  const migrated = /Updating database from version (\d+) to (\d+)/.exec(
    node.log().split('shutdown').at(-1) ?? '',
  );
  const database = migrated ? `database ${migrated[1]} → ${migrated[2]}` : 'same database';
  expect(await fate(node, peer, after)).toBe(opens(after));

  const said = node.output().length;
  upgradeTo(OLD, installed);
  await until('a word on the downgrade', () => node.output().slice(said).includes(before));
  let tried = '';
  // between builds nobody can tell which is newer: the older one is tried, and refuses the database
  if (node.output().slice(said).includes('which of them is newer cannot be told: restarting')) {
    await until('the newer one to be back', () => starts(node) === 3 && node.version() === after);
    expect(node.output()).toContain(`starting ${after} again, from its snapshot`);
    tried = `${before} is tried, does not come up, and `;
  }
  note(ctx, {
    held: `restarts as ${after}, ${database}; downgraded: ${tried}${await fate(node, peer, after)}`,
  });
  expect(await fate(node, peer, after)).toBe(opens(after));
  expect(node.broken().filter(line => tried === '' || !line.includes('Refusing to'))).toEqual([]);

  await node.stop();
  const plain = await launch(join(dir, 'held'), { command: [installed.lightningd] });
  const outcome = await until('the older version to answer or to end', () => plain.ended ?? plain.version());
  const refused = /Refusing to migrate down.*/.exec(`${plain.log()}${plain.output()}`)?.[0] ?? '';
  note(ctx, { plain: `downgraded: ${outcome} ${refused}` });
});

test('--on-upgrade=restart of a version that knows `graceful`', async ctx => {
  const { dir, installed, peer } = await setting(NEW);
  const command = [HOLDFAST, 'run', '--on-upgrade=restart', installed.lightningd];
  const node = await startNode(join(dir, 'held'), { command });
  const known = node
    .rpc('-J', 'help')
    .help.map((method: { command: string }) => method.command.split(' ')[0]);
  if (!known.includes('graceful')) ctx.skip(`${after} has no graceful`);
  // another build of the same version: one file more
  copyFileSync(join(NEW, LIBEXEC, 'plugins/pay'), join(installed.prefix, LIBEXEC, 'plugins/another'));
  await until('the restart', () => starts(node) === 2 && node.version() === after);
  note(ctx, { held: `restarts, ${await fate(node, peer, after)}` });
  const asked = /JSON-RPC graceful.*JSON-RPC shutdown/s.test(node.log());
  expect(asked, 'it was asked to be graceful, then to stop').toBe(true);
});

test('--on-upgrade=restart: the new version does not come up', async ctx => {
  const { dir, installed, peer } = await setting();
  const plugin = join(dir, 'plugin.mjs');
  copyFileSync(join(import.meta.dirname, 'plugin.js'), plugin);
  const command = [HOLDFAST, 'run', '--on-upgrade=restart', installed.lightningd];
  const node = await startNode(join(dir, 'held'), { command, args: [`--important-plugin=${plugin}`] });
  writeFileSync(join(dir, 'fail'), '');
  upgradeTo(NEW, installed);
  await until('the old version to be back', () => starts(node) === 2 && node.version() === before);
  note(ctx, { held: `starts the old one again: ${await fate(node, peer, before)}` });
  expect(existsSync(join(dir, 'fail')), 'the new one was tried').toBe(false);
  expect(ctx.task.meta.held).toContain(opens(before));
});

/** How often it has been started, by its log. */
const starts = (node: RealNode): number => node.log().split('Server started').length - 1;
