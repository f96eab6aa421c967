/** The way to a path: which directories and links lead there. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import { wayTo } from '../../../src/commands/upgrade/way.ts';
import { tempDir } from '../../helpers/stand-in.ts';

/** The directories from `dir` on, and the names, both below it. */
function below(dir: string, path: string) {
  const { directories, names, isDirectory, error } = wayTo(path);
  const cut = (name: string) => name.slice(dir.length + 1) || '.';
  return {
    directories: directories.filter(name => name === dir || name.startsWith(`${dir}/`)).map(cut),
    names: names.map(({ directory, name }) => join(cut(directory), name)),
    isDirectory,
    error,
  };
}

test('directories and links, those that a link leads through too', () => {
  const dir = tempDir();
  ensureDirSync(join(dir, 'v1/usr/bin'));
  writeFileSync(join(dir, 'v1/usr/bin/lightningd'), '');
  symlinkSync('v1', join(dir, 'current'));
  mkdirSync(join(dir, 'bin'));
  symlinkSync('../current/usr/./bin/lightningd', join(dir, 'bin/lightningd'));
  expect(below(dir, join(dir, 'bin/lightningd'))).toEqual({
    directories: ['.', 'bin', 'v1', 'v1/usr', 'v1/usr/bin'],
    names: ['bin/lightningd', 'current'],
    isDirectory: false,
    error: undefined,
  });
  symlinkSync(join(dir, 'v1'), join(dir, 'absolute'));
  expect(below(dir, join(dir, 'absolute/usr'))).toMatchObject({ names: ['absolute'], isDirectory: true });
  expect(below(dir, join(dir, 'v1/usr/..'))).toMatchObject({ names: [], isDirectory: true });
});

test('what is missing is the name to wait for, and ends the way', () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'a'));
  symlinkSync('nowhere/b', join(dir, 'dangling'));
  expect(below(dir, join(dir, 'a/b/c'))).toEqual({
    directories: ['.', 'a'],
    names: ['a/b'],
    isDirectory: false,
    error: undefined,
  });
  expect(below(dir, join(dir, 'dangling/c')).names).toEqual(['dangling', 'nowhere']);
});

test('a loop of links ends', () => {
  const dir = tempDir();
  symlinkSync('b', join(dir, 'a'));
  symlinkSync('a', join(dir, 'b'));
  expect(below(dir, join(dir, 'a/x'))).toMatchObject({
    directories: ['.'],
    isDirectory: false,
    error: undefined,
  });
});

test('a file where a directory was is no error: what put it there is seen in its directory', () => {
  const dir = tempDir();
  writeFileSync(join(dir, 'file'), '');
  expect(below(dir, join(dir, 'file/x'))).toMatchObject({ directories: ['.'], isDirectory: false });
});
