/** A node that executes itself again, by the method `recover`: plain, under holdfast, and confined. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { fate, opens, setting } from './fate.ts';
import { NEW, OLD, uninstall, upgradeTo, versionOf } from './installation.ts';
import { startNode, until } from './node.ts';
import { note } from './table.ts';

const SECRET = '5a'.repeat(32);
const before = versionOf(OLD);

for (const [what, words] of Object.entries({ 'a node': [], 'a confined node': ['--confine'] }))
  test(`${what} is upgraded, recovers (and so executes itself again), then loses its installation`, async ctx => {
    const { dir, installed, peer } = await setting();
    const command = [HOLDFAST, 'run', ...words, installed.lightningd];
    const held = await startNode(join(dir, 'held'), { command });
    const plain = await startNode(join(dir, 'plain'), { command: [installed.lightningd] });
    upgradeTo(NEW, installed);

    const outcomes: string[] = [];
    for (const node of [held, plain]) {
      const { id } = node.rpc('getinfo');
      node.cli('recover', SECRET); // its answer may be lost with the process
      const after = await until('the recovered node to answer or to end', () => {
        if (node.ended !== undefined) return node.ended;
        const { status, stdout } = node.cli('getinfo');
        return status === 0 && JSON.parse(stdout).id !== id && JSON.parse(stdout).version;
      });
      outcomes.push(`recovers as ${after}`);
    }
    uninstall(installed);
    note(ctx, { held: `${outcomes[0]}, then ${await fate(held, peer, before)}` });
    note(ctx, { plain: `${outcomes[1]}, then ${await fate(plain, peer, before)}` });
    expect(ctx.task.meta.held).toBe(`recovers as ${before}, then ${opens(before)}`);
    expect(held.broken()).toEqual([]);
  });
