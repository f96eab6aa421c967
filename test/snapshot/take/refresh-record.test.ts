/** A record after our own unlink(2) has moved ctimes of what it names. */
import { linkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findProven } from '../../../src/snapshot/take/prove/by-record.ts';
import { refreshRecord } from '../../../src/snapshot/take/refresh-record.ts';
import { makePlain, overwrite } from '../../helpers/plain.ts';

const DATA = 'libexec/c-lightning/plugins/clnrest/routes.txt';

/** A snapshot by links, whose data file has had another link until now. */
async function makeMoved() {
  const plain = await makePlain();
  const { id, record } = await plain.take();
  const find = () => {
    const found = findProven(plain.store, [id], plain.source, plain.terms);
    found?.directory.close();
    return found?.record;
  };
  const refresh = async () => {
    const directory = plain.store.enter(id);
    const warnings: string[] = [];
    const refreshed = await refreshRecord({ directory, id, record }, plain.terms.bootId, warnings);
    directory.close();
    expect(warnings).toEqual([]);
    return refreshed.record;
  };
  return { ...plain, record, find, refresh };
}

test('nothing moved: it is left as it is', async () => {
  const { record, refresh } = await makeMoved();
  expect(await refresh()).toBe(record);
});

test('where ctimes alone moved it proves again', async () => {
  const { prefix, dir, record, find, refresh } = await makeMoved();
  linkSync(join(prefix, DATA), join(dir, 'link'));
  unlinkSync(join(dir, 'link'));
  expect(find()).toBeUndefined();
  const refreshed = await refresh();
  expect(refreshed).not.toEqual(record);
  expect(find()).toEqual(refreshed);
});

test('what was written to stays in doubt', async () => {
  const { prefix, find, refresh } = await makeMoved();
  overwrite(join(prefix, DATA));
  await refresh();
  expect(find()).toBeUndefined();
});
