/** Sources that are looked at again after they were read. */
import {
  appendFileSync,
  closeSync,
  linkSync,
  lstatSync,
  openSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { identityOf } from '../../../src/snapshot/record/identity.ts';
import { lookAgain, untilAsListed } from '../../../src/snapshot/take/look-again.ts';
import { age, listed, once, overwrite, tick } from '../../helpers/plain.ts';
import { entryOf } from '../../helpers/snapshots.ts';
import { tempDir } from '../../helpers/stand-in.ts';

const CONTENT = 'the daemon';

/** A file as it was staged, and its directory as it was listed. */
async function makeStaged() {
  const dir = tempDir();
  const source = join(dir, 'lightningd');
  writeFileSync(source, CONTENT, { mode: 0o755 });
  age(source);
  await tick();
  const { stat } = listed(dir, 'lightningd');
  const file = {
    entry: entryOf({ path: 'bin/lightningd', content: CONTENT }),
    source,
    placement: 'copy',
    sourceIs: identityOf(stat),
    racy: false,
  } as const;
  return { dir, source, file, directory: { path: dir, stat: lstatSync(dir, { bigint: true }) } };
}

test('what has not moved is as it was, and not read', async () => {
  const { file, directory } = await makeStaged();
  // no content has this digest: it would be found out if it were read
  const unread = { ...file, entry: { ...file.entry, sha256: '0'.repeat(64) } };
  expect(await lookAgain([unread], [directory])).toEqual([unread]);
});

test('where its ctime alone has moved it is read, and its new identity is recorded', async () => {
  const { dir, file, source } = await makeStaged();
  linkSync(source, join(dir, 'link'));
  await tick();
  const [again] = await lookAgain([file], []);
  expect(again).toEqual({ ...file, sourceIs: identityOf(lstatSync(source, { bigint: true })) });
  expect(again?.sourceIs).not.toBe(file.sourceIs);
});

test('one that was too young to be believed is read, and believed when it is older', async () => {
  const { file, source } = await makeStaged();
  const young = { ...file, racy: true };
  expect(await lookAgain([young], [])).toEqual([file]);
  const isYoung = async () => {
    linkSync(source, `${source}.link`);
    unlinkSync(`${source}.link`);
    return (await lookAgain([young], []))[0]?.racy;
  };
  expect(await once(isYoung)).toBe(true);
  const other = { ...young, entry: { ...file.entry, sha256: '0'.repeat(64) } };
  await expect(lookAgain([other], [])).rejects.toMatchObject({
    code: 'BAD_SOURCE',
    errno: 'ESTALE',
    path: source,
  });
});

test.each<[string, (source: string) => void]>([
  ['was written to, with its size and mtime put back', overwrite],
  ['has another size', source => appendFileSync(source, 'X')],
  ['is gone', unlinkSync],
  [
    'is another file of the same content',
    source => {
      unlinkSync(source);
      writeFileSync(source, CONTENT, { mode: 0o755 });
      writeFileSync(`${source}.other`, ''); // no inode is used again
    },
  ],
])('one that %s has changed', async (_what, change) => {
  const { file, source } = await makeStaged();
  const keepsInode = openSync(source, 'r');
  change(source);
  const again = lookAgain([file], []);
  await expect(again).rejects.toMatchObject({ code: 'BAD_SOURCE', errno: 'ESTALE', path: source });
  closeSync(keepsInode);
});

test('so has a directory in which a name came', async () => {
  const { dir, file, directory } = await makeStaged();
  writeFileSync(join(dir, 'new'), '');
  await expect(lookAgain([file], [directory])).rejects.toMatchObject({ code: 'BAD_SOURCE', path: dir });
});

test('a source that is shown wrongly for a while is waited for', async () => {
  const { source } = await makeStaged();
  const { atime, mtime } = lstatSync(source);
  const asListed = listed(dirname(source), 'lightningd');
  appendFileSync(source, 'XX');
  const waited = untilAsListed(asListed);
  setTimeout(() => {
    truncateSync(source, CONTENT.length);
    utimesSync(source, atime, mtime);
  }, 20);
  await waited;
  expect(lstatSync(source).size).toBe(CONTENT.length);
});
