import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ownerOfLibrary } from '../../../src/linux/loader/library-owner.ts';

test('of a library that nobody has heard of nothing is known', async () => {
  const owner = await ownerOfLibrary('libholdfast-nowhere.so.99');
  expect(owner).toEqual({ package: undefined, cachedAt: undefined });
});

test('the package and the place of one that is installed are told, where dpkg and ldconfig can', async ctx => {
  if (!existsSync('/usr/bin/dpkg-query') || !existsSync('/sbin/ldconfig'))
    ctx.skip('no dpkg or ldconfig here');
  const owner = await ownerOfLibrary('libc.so.6');
  expect(owner.package).toBe('libc6');
  expect(owner.cachedAt).toMatch(/\/libc\.so\.6$/);
});

test('a name with characters of patterns matches nothing else', async () => {
  expect(await ownerOfLibrary('libc.so.*')).toEqual({ package: undefined, cachedAt: undefined });
});
