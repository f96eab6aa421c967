/** What moves an identity, on real files. What is believed across boots: test/system/boots.test.ts. */
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  agrees,
  directoryIdentity,
  fileIdentity,
  isRacy,
  isSameInode,
  isSettled,
  ownerOf,
  settledOf,
  TICK_NS,
} from '../../../src/snapshot/record/identity.ts';
import { age, overwrite, tick } from '../../helpers/plain.ts';
import { tempDir } from '../../helpers/stand-in.ts';

/** A file and a directory with a name in it, old enough for every change to show. */
async function makeThings() {
  const dir = tempDir();
  const [file, directory] = [join(dir, 'file'), join(dir, 'directory')];
  writeFileSync(file, 'content', { mode: 0o644 });
  age(file);
  mkdirSync(directory);
  writeFileSync(join(directory, 'name'), 'content');
  age(join(directory, 'name'));
  age(directory);
  await tick();
  return { dir, file, directory };
}

test.each<[string, (file: string, dir: string) => void]>([
  ['a write with its size and mtime put back', overwrite],
  ['another mode', file => chmodSync(file, 0o755)],
  ['another link to it', (file, dir) => linkSync(file, join(dir, 'link'))],
  [
    'another file in its place, with the same content',
    (file, dir) => {
      writeFileSync(join(dir, 'new'), readFileSync(file), { mode: 0o644 });
      renameSync(join(dir, 'new'), file);
    },
  ],
])('%s gives a file another identity', async (_what, change) => {
  const { dir, file } = await makeThings();
  const before = fileIdentity(file)!;
  readFileSync(file);
  expect(agrees(before, fileIdentity(file), true)).toBe(true);
  change(file, dir);
  expect(agrees(before, fileIdentity(file), true)).toBe(false);
});

test.each<[string, boolean, (directory: string) => void]>([
  ['a name that came', true, path => writeFileSync(join(path, 'new'), '')],
  [
    'a name that changed, with the mtime put back',
    true,
    path => {
      const { atime, mtime } = lstatSync(path);
      renameSync(join(path, 'name'), join(path, 'other'));
      utimesSync(path, atime, mtime);
    },
  ],
  ['another mode', true, path => chmodSync(path, 0o700)],
  ['a write to a file in it', false, path => overwrite(join(path, 'name'))],
  ['a link elsewhere to a file in it', false, path => linkSync(join(path, 'name'), `${path}.link`)],
])('%s: does a directory get another identity? %s', async (_what, moves, change) => {
  const { directory } = await makeThings();
  const before = directoryIdentity(directory)!;
  change(directory);
  expect(agrees(before, directoryIdentity(directory), true)).toBe(!moves);
});

test('what is not there, of another kind or a link has none', async () => {
  const { dir, file, directory } = await makeThings();
  symlinkSync(file, join(dir, 'link'));
  symlinkSync(directory, join(dir, 'link-to-directory'));
  expect([join(dir, 'link'), directory, join(dir, 'none'), join(file, 'below')].map(fileIdentity)).toEqual(
    Array(4).fill(undefined),
  );
  expect([join(dir, 'link-to-directory'), file, join(dir, 'none')].map(directoryIdentity)).toEqual(
    Array(3).fill(undefined),
  );
});

test('nothing agrees with no identity; one of another boot, or of another device, only if it is settled', async () => {
  const { file } = await makeThings();
  const now = fileIdentity(file)!;
  const elsewhere = now.replace(/^\d+/, device => `${Number(device) + 1}`);
  expect([
    agrees('', now, true),
    agrees(now, undefined, true),
    agrees(settledOf(now), undefined, true),
  ]).toEqual([false, false, false]);
  expect([agrees(now, now, false), agrees(now, elsewhere, true)]).toEqual([false, false]);
  const settled = settledOf(now);
  expect([isSettled(now), isSettled(settled)]).toEqual([false, true]);
  expect([agrees(settled, now, false), agrees(settled, elsewhere, false)]).toEqual([true, true]);
  overwrite(file);
  expect(agrees(settled, fileIdentity(file), false)).toBe(false);
});

test('a change in the tick of the clock in which it is read, or in the second where no more is kept, is in doubt', async () => {
  const { file } = await makeThings();
  const stat = lstatSync(file, { bigint: true });
  const fine = { ...stat, ctimeNs: 1_700_000_000_000_000_001n };
  const coarse = { ...stat, ctimeNs: 1_700_000_000_000_000_000n };
  const second = 1_000_000_000n;
  expect([0n, TICK_NS, TICK_NS + 1n].map(age => isRacy(fine, fine.ctimeNs + age))).toEqual([
    true,
    true,
    false,
  ]);
  expect([second, 2n * second, 2n * second + 1n].map(age => isRacy(coarse, coarse.ctimeNs + age))).toEqual([
    true,
    true,
    false,
  ]);
});

test('owner, mode and inode can be read from one, settled or not', async () => {
  const { file, directory } = await makeThings();
  chmodSync(file, 0o754);
  const stat = lstatSync(file, { bigint: true });
  for (const identity of [fileIdentity(file)!, settledOf(fileIdentity(file)!)]) {
    expect(ownerOf(identity)).toEqual({ mode: 0o754n, uid: stat.uid, gid: stat.gid });
    expect(isSameInode(identity, stat)).toBe(true);
    expect(isSameInode(identity, lstatSync(directory, { bigint: true }))).toBe(false);
  }
  expect(ownerOf('')).toBeUndefined();
});
