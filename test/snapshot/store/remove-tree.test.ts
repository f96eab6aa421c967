import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Directory } from '../../../src/linux/files/directory.ts';
import { removeTree } from '../../../src/snapshot/store/remove-tree.ts';
import { tempDir } from '../../helpers/stand-in.ts';

test('a tree goes with all its names, those that are no UTF-8 included', () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'tree/deep/deeper'), { recursive: true });
  writeFileSync(Buffer.concat([Buffer.from(join(dir, 'tree/deep/')), Buffer.from([0xff, 0x0a, 0x27])]), '');
  const parent = Directory.open(dir);
  removeTree(parent, 'tree');
  parent.close();
  expect(readdirSync(dir)).toEqual([]);
});

test('a symbolic link goes, and what it leads to stays', () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'outside'));
  writeFileSync(join(dir, 'outside/precious'), 'money');
  mkdirSync(join(dir, 'tree'));
  symlinkSync(join(dir, 'outside'), join(dir, 'tree/link'));
  symlinkSync('outside', join(dir, 'top'));
  const parent = Directory.open(dir);
  removeTree(parent, 'tree');
  removeTree(parent, 'top');
  parent.close();
  expect(readdirSync(dir)).toEqual(['outside']);
  expect(readFileSync(join(dir, 'outside/precious'), 'utf8')).toBe('money');
});

test('a directory that was renamed while it is held open is still the one that is worked in', async () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'store/tree'), { recursive: true });
  const parent = Directory.open(join(dir, 'store'));
  const { renameSync } = await import('node:fs');
  renameSync(join(dir, 'store'), join(dir, 'moved'));
  mkdirSync(join(dir, 'elsewhere/tree'), { recursive: true });
  symlinkSync('elsewhere', join(dir, 'store'));
  removeTree(parent, 'tree');
  parent.close();
  expect(existsSync(join(dir, 'moved/tree'))).toBe(false);
  expect(existsSync(join(dir, 'elsewhere/tree'))).toBe(true);
});

test('what is gone already is no error', () => {
  const parent = Directory.open(tempDir());
  removeTree(parent, 'nothing');
  parent.close();
});
