/** A staging directory filled: what is placed, what is hashed, and what is refused because it changed meanwhile. */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Directory } from '../../../src/linux/files/directory.ts';
import { ownersOf } from '../../../src/snapshot/place/linkable.ts';
import { identityOf } from '../../../src/snapshot/record/identity.ts';
import type { Method } from '../../../src/snapshot/record/placement.ts';
import { hashStaged, placeFiles } from '../../../src/snapshot/take/stage.ts';
import { closing, listed, once, openFiles, tick, writeFiles } from '../../helpers/plain.ts';
import { entryOf, SOME_FILES, type TestFile } from '../../helpers/snapshots.ts';
import { tempDir } from '../../helpers/stand-in.ts';

/** An installation as it was listed, and a staging directory. */
async function makeStaging(some: readonly TestFile[] = SOME_FILES) {
  const dir = tempDir();
  const prefix = join(dir, 'usr');
  writeFiles(prefix, some);
  await tick();
  mkdirSync(join(dir, 'store'));
  const store = closing(Directory.open(join(dir, 'store')));
  store.make('staging');
  const staging = closing(store.enter('staging'));
  const files = some.map(({ path }) => listed(prefix, path));
  const place = (method: Method) => placeFiles(staging, files, method, ownersOf(store), undefined);
  return { prefix, staging, place, owners: ownersOf(store), path: join(dir, 'store/staging') };
}

test.each(['hardlink', 'copy'] as const)(
  'by %s: every file is there, with mode and digest, and nothing stays open',
  async method => {
    const { place, staging, prefix, path } = await makeStaging();
    const before = openFiles();
    const old = process.umask(0o077);
    onTestFinished(() => void process.umask(old));
    const staged = await hashStaged(staging, [await place(method)]);
    expect(openFiles()).toBe(before);
    const byPath = (one: { entry: { path: string } }, other: { entry: { path: string } }) =>
      one.entry.path < other.entry.path ? -1 : 1;
    expect([...staged].sort(byPath)).toEqual(
      SOME_FILES.map(file => {
        const source = join(prefix, file.path);
        const sourceIs = identityOf(lstatSync(source, { bigint: true }));
        return { entry: entryOf(file), source, placement: method, sourceIs, racy: false };
      }).sort(byPath),
    );
    for (const { path: name, content, executable = true } of SOME_FILES) {
      const placed = lstatSync(join(path, name));
      expect(readFileSync(join(path, name), 'utf8')).toBe(content);
      expect(placed.mode & 0o7777).toBe(executable ? 0o755 : 0o644);
      expect(placed.ino === lstatSync(join(prefix, name)).ino).toBe(method === 'hardlink');
    }
    expect(lstatSync(join(path, 'libexec/c-lightning/plugins')).mode & 0o7777).toBe(0o755);
  },
);

test('more files than are open at once are copied all the same', async () => {
  const many = Array.from({ length: 100 }, (_, n) => ({ path: `bin/${n}`, content: `${n}`.repeat(n) }));
  const { place, staging } = await makeStaging(many);
  const before = openFiles();
  const staged = await hashStaged(staging, [await place('copy')]);
  expect(openFiles()).toBe(before);
  expect(new Map(staged.map(({ entry }) => [entry.path, entry.sha256]))).toEqual(
    new Map(many.map(({ path, content }) => [path, createHash('sha256').update(content).digest('hex')])),
  );
});

const DATA = 'libexec/c-lightning/plugins/clnrest/routes.txt';
const longer = (file: string) => appendFileSync(file, 'X');
const shorter = (file: string) => writeFileSync(file, 'X');
const another = (file: string) => {
  writeFileSync(`${file}.new`, readFileSync(file));
  renameSync(`${file}.new`, file);
};

test.each([
  ['is longer', 'placed', 'copy', longer],
  ['is shorter', 'placed', 'copy', shorter],
  ['is another file', 'placed', 'copy', another],
  ['is another file', 'placed', 'hardlink', another],
  ['is longer', 'hashed', 'hardlink', longer],
  ['is shorter', 'hashed', 'hardlink', shorter],
] as const)(
  'a source that %s when it is %s by %s is refused, and nothing stays open',
  async (_what, when, method, change) => {
    const { place, staging, prefix } = await makeStaging();
    const file = join(prefix, DATA);
    const before = openFiles();
    const staged = async () => {
      if (when === 'placed') change(file);
      const placed = await place(method);
      if (when === 'hashed') change(file);
      return hashStaged(staging, [placed]);
    };
    await expect(staged()).rejects.toMatchObject({ code: 'BAD_SOURCE', errno: 'ESTALE', path: file });
    expect(openFiles()).toBe(before);
  },
);

test('by hardlink: one whose mode changed is refused; one that is gone is said', async () => {
  const { place, prefix } = await makeStaging();
  chmodSync(join(prefix, DATA), 0o600);
  await expect(place('hardlink')).rejects.toMatchObject({ code: 'BAD_SOURCE', errno: 'ESTALE' });
  const other = await makeStaging();
  unlinkSync(join(other.prefix, DATA));
  await expect(other.place('auto')).rejects.toMatchObject({
    errno: 'ENOENT',
    path: join(other.prefix, DATA),
  });
});

test('what was written to in the moment before it was copied is in doubt; what was linked is waited for', async () => {
  const young = async (method: Method) => {
    const { prefix, staging, owners } = await makeStaging();
    writeFileSync(join(prefix, DATA), 'getinfo\n');
    const placed = await placeFiles(staging, [listed(prefix, DATA)], method, owners, undefined);
    return (await hashStaged(staging, [placed]))[0]?.racy;
  };
  expect([await once(() => young('copy')), await young('hardlink')]).toEqual([true, false]);
});
