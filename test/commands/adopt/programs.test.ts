import { chmodSync, copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeFor, stableHoldfast } from '../../../src/commands/adopt/programs.ts';
import { script } from '../../helpers/running.ts';
import { tempDir } from '../../helpers/stand-in.ts';

const uid = process.getuid?.() ?? 0;

test('a unit that finds a new enough Node.js is told of no other', () => {
  const dir = tempDir();
  script(join(dir, 'node'), '#!/bin/sh\necho v20.19.0\n');
  expect(nodeFor(`/nowhere:${dir}`, '/opt/node', uid)).toBeUndefined();
});

test('one that finds none, or an older one, is told which', () => {
  const dir = tempDir();
  expect(nodeFor(dir, '/opt/node', uid)).toBe('/opt/node');
  for (const version of ['v18.20.4', 'v20.18.9', 'nonsense']) {
    script(join(dir, 'node'), `#!/bin/sh\necho ${version}\n`);
    expect([version, nodeFor(dir, '/opt/node', uid)]).toEqual([version, '/opt/node']);
  }
});

test('root does not execute a Node.js that others may write to', ctx => {
  if (uid !== 0) ctx.skip('only root is that careful');
  const dir = tempDir();
  script(join(dir, 'node'), `#!/bin/sh\ntouch ${dir}/executed\necho v18.0.0\n`);
  chmodSync(join(dir, 'node'), 0o777);
  expect(nodeFor(dir, '/opt/node', uid)).toBeUndefined();
  expect(() => copyFileSync(join(dir, 'executed'), join(dir, 'x'))).toThrow('ENOENT');
});

test('holdfast is named by the link in PATH that leads to it, which stays when it is upgraded', () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'bin'));
  const self = script(join(dir, 'holdfast-1.0'), '');
  const context = { self, environment: { PATH: `relative:${dir}/bin` } };
  expect(stableHoldfast(context)).toBe(self);
  symlinkSync(self, join(dir, 'bin/holdfast'));
  expect(stableHoldfast(context)).toBe(join(dir, 'bin/holdfast'));
});
