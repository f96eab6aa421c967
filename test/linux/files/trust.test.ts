import { chmodSync, chownSync, lchownSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import { whatOthersMayChange } from '../../../src/linux/files/trust.ts';
import { ORDINARY_USER } from '../../helpers/holdfast.ts';
import { tempDir } from '../../helpers/stand-in.ts';

const uid = process.geteuid?.() ?? 0;

function makePath() {
  const dir = tempDir();
  ensureDirSync(join(dir, 'real/bin'));
  const program = join(dir, 'real/bin/program');
  writeFileSync(program, '');
  symlinkSync('real', join(dir, 'link'));
  return { dir, program };
}

test('what is ours and closed to others is ours, through a link and below a directory with the sticky bit as well', () => {
  const { dir, program } = makePath();
  expect(whatOthersMayChange(program, [uid])).toBeUndefined();
  expect(whatOthersMayChange(join(dir, 'link/bin/program'), [uid])).toBeUndefined();
});

test.each([
  ['the program', 'real/bin/program', 0o775],
  ['its directory', 'real/bin', 0o777],
  ['a directory above', 'real', 0o775],
])('%s that others may write is named', (_what, path, mode) => {
  const { dir } = makePath();
  chmodSync(join(dir, path), mode);
  expect(whatOthersMayChange(join(dir, 'link/bin/program'), [uid])).toBe(join(dir, path));
});

test.for([
  ['the program', 'real/bin/program'],
  ['a directory', 'real'],
  ['a link', 'link'],
])("%s of another user's is named, and is well where he is among those who may", ([, path = ''], ctx) => {
  if (uid !== 0) ctx.skip('only root can give files away');
  const { dir } = makePath();
  const at = join(dir, path);
  if (path === 'link') lchownSync(at, ORDINARY_USER, ORDINARY_USER);
  else chownSync(at, ORDINARY_USER, ORDINARY_USER);
  expect(whatOthersMayChange(join(dir, 'link/bin/program'), [0])).toBe(at);
  expect(whatOthersMayChange(join(dir, 'link/bin/program'), [0, ORDINARY_USER])).toBeUndefined();
});

test('what is not there is an error', () => {
  expect(() => whatOthersMayChange('/nowhere/at/all', [uid])).toThrow(/ENOENT/);
});
