/** A snapshot that is being built: live from the start, published by one rename, gone where it is not to be. */
import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Directory } from '../../../src/linux/files/directory.ts';
import type { SnapshotRecord } from '../../../src/snapshot/record/record.ts';
import { isLive } from '../../../src/snapshot/store/liveness.ts';
import { Draft } from '../../../src/snapshot/take/draft.ts';
import { closing, openFiles } from '../../helpers/plain.ts';
import { tempDir } from '../../helpers/stand-in.ts';

const ID = 'aaaaaaaaaaaaaaaa';

function makeDraft() {
  const path = tempDir();
  const store = closing(Directory.open(path));
  const draft = new Draft(store, 1, undefined);
  const [name = ''] = readdirSync(path);
  writeFileSync(join(path, name, 'program'), '');
  draft.record = { root: 'a'.repeat(64) } as SnapshotRecord;
  return { path, store, draft, name };
}

test('it is live under its first name and under the last', () => {
  const { path, store, draft, name } = makeDraft();
  expect(isLive(store, name)).toBe(true);
  const { id, directory } = draft.publish();
  expect([id, directory.path, readdirSync(path)]).toEqual([ID, join(path, ID), [ID]]);
  expect(isLive(store, ID)).toBe(true);
  directory.close();
  expect(isLive(store, ID)).toBe(false);
});

test('it takes the first name that is free, whatever has the others', () => {
  const { path, draft } = makeDraft();
  mkdirSync(join(path, ID));
  writeFileSync(join(path, `${ID}.1`), '');
  const { id, directory } = draft.publish();
  directory.close();
  expect([id, readdirSync(path).sort()]).toEqual([`${ID}.2`, [ID, `${ID}.1`, `${ID}.2`]]);
  expect(readdirSync(join(path, `${ID}.2`))).toEqual(['program']);
});

test('what somebody has put in its place gets no name of a snapshot', () => {
  const { path, draft, name } = makeDraft();
  renameSync(join(path, name), join(path, 'moved'));
  mkdirSync(join(path, name));
  expect(() => draft.publish()).toThrow(
    expect.objectContaining({ code: 'STORE_REFUSED', path: join(path, name) }),
  );
  expect(readdirSync(path).sort()).toEqual([name, 'moved'].sort());
  draft.directory.close();
});

test('where it is not to be, nothing is left of it, when what is asked in there has answered', async () => {
  const path = tempDir();
  const store = closing(Directory.open(path));
  const before = openFiles();
  const draft = new Draft(store, 1, undefined);
  const { directory } = draft;
  let answered = false;
  draft.asking = new Promise((_, reject) =>
    setTimeout(() => {
      answered = true;
      writeFileSync(directory.at('left-by-a-program'), '');
      reject(new Error('two versions'));
    }, 20),
  );
  await draft.discard();
  expect([answered, readdirSync(path), openFiles()]).toEqual([true, [], before]);
});
