/** How one file gets into a snapshot. Which file systems have links and reflinks: test/system/file-systems.test.ts. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Directory } from '../../../src/linux/files/directory.ts';
import { fileMode } from '../../../src/manifest/entry.ts';
import { type Owners, ownersOf } from '../../../src/snapshot/place/linkable.ts';
import { finishFile, placeFile } from '../../../src/snapshot/place/place.ts';
import type { Method } from '../../../src/snapshot/record/placement.ts';
import { ORDINARY_USER } from '../../helpers/holdfast.ts';
import { closing, listed, openFiles } from '../../helpers/plain.ts';
import { works } from '../../helpers/running.ts';
import { tempDir } from '../../helpers/stand-in.ts';

/** A program to be placed, and a directory for it. */
function makeWorld(dir = tempDir()) {
  const source = join(dir, 'program');
  writeFileSync(source, 'a program', { mode: 0o755 });
  mkdirSync(join(dir, 'store'));
  const store = closing(Directory.open(join(dir, 'store')));
  store.make('staging');
  const staging = closing(store.enter('staging'));
  const owners = ownersOf(store);
  const request = (path = 'program') => {
    const { stat } = listed(dir, 'program');
    return { path, source, stat, mode: fileMode(stat) };
  };
  /** Which placement it gets; of a copy the descriptors are looked at and closed. */
  const place = (method: Method = 'auto', asked: Owners = owners, file = request()) => {
    const placed = placeFile(staging, file, method, asked);
    if (placed.placement !== 'copy') return placed.placement;
    expect([readFileSync(placed.from, 'utf8'), fstatSync(placed.to).size]).toEqual(['a program', 0]);
    expect(fstatSync(placed.to).mode & 0o777).toBe(0o600); // until it is whole
    finishFile(placed.to, file, staging);
    closeSync(placed.from);
    closeSync(placed.to);
    return 'copy';
  };
  return { dir, source, staging, owners, request, place, target: join(dir, 'store/staging/program') };
}

test('a link where one can be had: the same inode', () => {
  const { place, source, target } = makeWorld();
  expect(place()).toBe('hardlink');
  expect(lstatSync(target).ino).toBe(lstatSync(source).ino);
});

test.each<[string, (source: string) => void]>([
  ['set-user-ID', source => chmodSync(source, 0o4755)],
  ['set-group-ID', source => chmodSync(source, 0o2755)],
  ['writable by its group', source => chmodSync(source, 0o775)],
  ['writable by others', source => chmodSync(source, 0o757)],
])('one that is %s is never linked, and its copy has none of it', (_what, change) => {
  const { place, source, target } = makeWorld();
  change(source);
  expect(place()).not.toBe('hardlink');
  expect(lstatSync(target).mode & 0o7777).toBe(0o755);
  unlinkSync(target);
  expect(() => place('hardlink')).toThrow(
    expect.objectContaining({
      code: 'PLACEMENT',
      path: source,
      message: expect.stringMatching(/set-user-ID|writable/),
    }),
  );
});

test('nor is one that another owns than the store, or than the directory that is in', ctx => {
  const { place, owners, source, target } = makeWorld();
  for (const others of [
    { ...owners, store: owners.store + 1n },
    { ...owners, parent: owners.parent + 1n },
  ]) {
    expect(place('auto', others)).not.toBe('hardlink');
    unlinkSync(target);
  }
  if (process.geteuid?.() !== 0) ctx.skip('only root can give a file away');
  chownSync(source, ORDINARY_USER, ORDINARY_USER);
  expect(place()).not.toBe('hardlink');
  expect(lstatSync(target).uid).toBe(0);
});

test('from another file system it is copied; a link that is asked for is refused, and why', ctx => {
  const { staging, owners, target } = makeWorld();
  if (!existsSync('/dev/shm') || statSync('/dev/shm').dev === statSync(dirname(target)).dev)
    ctx.skip('no second file system at /dev/shm');
  const elsewhere = mkdtempSync('/dev/shm/holdfast-test-');
  onTestFinished(() => rmSync(elsewhere, { recursive: true }));
  const { request } = makeWorld(elsewhere);
  const before = openFiles();
  for (const method of ['hardlink', 'reflink'] as const) {
    expect(() => placeFile(staging, request(method), method, owners)).toThrow(
      expect.objectContaining({ code: 'PLACEMENT', message: expect.stringMatching(/EXDEV/) }),
    );
  }
  expect(openFiles()).toBe(before);
  const placed = placeFile(staging, request(), 'auto', owners);
  expect(placed.placement).toBe('copy');
  if (placed.placement !== 'copy') return;
  closeSync(placed.from);
  closeSync(placed.to);
});

test.each<[string, (source: string) => void]>([
  [
    'another file',
    source => {
      writeFileSync(`${source}.new`, 'a program', { mode: 0o755 });
      renameSync(`${source}.new`, source);
    },
  ],
  [
    'a link to itself',
    source => {
      renameSync(source, `${source}.old`);
      symlinkSync(`${source}.old`, source);
    },
  ],
  [
    'a FIFO',
    source => {
      renameSync(source, `${source}.old`);
      works('mkfifo', source);
    },
  ],
])('%s in place of what was listed is refused without a wait, and nothing stays open', (_what, change) => {
  for (const method of ['auto', 'hardlink', 'copy'] as const) {
    const { place, owners, request, source } = makeWorld();
    const file = request();
    change(source);
    const before = openFiles();
    expect(() => place(method, owners, file)).toThrow(
      expect.objectContaining({ code: 'BAD_SOURCE', errno: 'ESTALE', path: source }),
    );
    expect(openFiles()).toBe(before);
  }
});

test.each(['hardlink', 'copy'] as const)('by %s: what has the name already stays, be it a link', method => {
  const { place, dir, target } = makeWorld();
  symlinkSync(join(dir, 'precious'), target);
  const before = openFiles();
  expect(() => place(method)).toThrow(expect.objectContaining({ code: 'SYSTEM', errno: 'EEXIST' }));
  expect([existsSync(join(dir, 'precious')), lstatSync(target).isSymbolicLink(), openFiles()]).toEqual([
    false,
    true,
    before,
  ]);
});

test('what is gone is said as such', () => {
  const { place, owners, request, source } = makeWorld();
  const file = request();
  unlinkSync(source);
  for (const method of ['hardlink', 'copy'] as const)
    expect(() => place(method, owners, file)).toThrow(
      expect.objectContaining({ code: 'SYSTEM', errno: 'ENOENT', path: source }),
    );
});
