import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import { linksOnTheWay } from '../../../src/linux/files/links.ts';
import { tempDir } from '../../helpers/stand-in.ts';

test('every link is named that is followed: of a directory, of the file, relative, absolute and with dots', () => {
  const dir = tempDir();
  ensureDirSync(join(dir, 'v1/bin'));
  writeFileSync(join(dir, 'v1/bin/lightningd'), '');
  symlinkSync('v1', join(dir, 'current'));
  symlinkSync(join(dir, 'current/bin'), join(dir, 'bin'));
  symlinkSync('./bin/../bin/lightningd', join(dir, 'lightningd'));
  expect(linksOnTheWay(join(dir, 'lightningd'))).toEqual([
    { path: join(dir, 'lightningd'), to: './bin/../bin/lightningd' },
    { path: join(dir, 'bin'), to: join(dir, 'current/bin') },
    { path: join(dir, 'current'), to: 'v1' },
    // after `bin/..` the kernel is in v1, where there is another bin
  ]);
});

test('a path without a link has none, and one that is not there ends the list', () => {
  const dir = tempDir();
  symlinkSync('nowhere', join(dir, 'dangling'));
  expect(linksOnTheWay(dir)).toEqual([]);
  expect(linksOnTheWay(join(dir, 'absent/x'))).toEqual([]);
  expect(linksOnTheWay(join(dir, 'dangling'))).toEqual([{ path: join(dir, 'dangling'), to: 'nowhere' }]);
});

test('links in circles come to an end', () => {
  const dir = tempDir();
  symlinkSync('b', join(dir, 'a'));
  symlinkSync('a', join(dir, 'b'));
  expect(linksOnTheWay(join(dir, 'a'))).toHaveLength(40);
});
