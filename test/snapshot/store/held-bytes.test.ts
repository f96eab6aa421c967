/** Disk space that would be free without the snapshots. */
import { linkSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { heldBytes } from '../../../src/snapshot/store/held-bytes.ts';
import { tempDir } from '../../helpers/stand-in.ts';

test('what the installation has too costs nothing, what only snapshots have costs once, whatever links lead to', () => {
  const dir = tempDir();
  const [one, other] = [join(dir, 'a'.repeat(16)), join(dir, 'b'.repeat(16))];
  for (const path of [join(one, 'bin'), join(other, 'bin')]) mkdirSync(path, { recursive: true });
  const installed = join(dir, 'lightningd');
  const content = Buffer.alloc(100_000, 'x');
  writeFileSync(installed, content);
  linkSync(installed, join(one, 'bin/lightningd'));
  linkSync(installed, join(other, 'bin/lightningd'));
  symlinkSync(installed, join(one, 'bin/link'));
  const links = lstatSync(join(one, 'bin/link')).blocks * 512;
  expect(heldBytes([one, other])).toBe(links);
  const only = join(one, 'bin/lightning-cli');
  writeFileSync(only, content);
  linkSync(only, join(other, 'bin/lightning-cli'));
  const bytes = lstatSync(only).blocks * 512;
  expect(bytes).toBeGreaterThan(0);
  expect([heldBytes([one, other]), heldBytes([one])]).toEqual([links + bytes, links]);
  expect(heldBytes([join(dir, 'none')])).toBe(0);
});
