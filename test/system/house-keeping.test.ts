/** What a launch cannot clean up is never the reason that a node does not start. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST, holdfast } from '../helpers/holdfast.ts';
import { lastingDir } from '../helpers/mounts.ts';
import { works } from '../helpers/running.ts';
import { makePair, noCompiler, startNode, upgrade } from '../helpers/stand-in.ts';

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
