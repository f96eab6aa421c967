/** What a record alone proves: the slightest move of anything that it names, and the snapshot is looked at again. */
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type SnapshotRecord, writeRecord } from '../../../../src/snapshot/record/record.ts';
import { listStore } from '../../../../src/snapshot/store/store.ts';
import { enterOrPass, findProven } from '../../../../src/snapshot/take/prove/by-record.ts';
import type { Terms } from '../../../../src/snapshot/take/terms.ts';
import { ORDINARY_USER } from '../../../helpers/holdfast.ts';
import { canLock, holdLock } from '../../../helpers/locks.ts';
import { makePlain, openFiles, overwrite, tick } from '../../../helpers/plain.ts';
import { asUser } from '../../../helpers/running.ts';

type World = Awaited<ReturnType<typeof makeWorld>>;

/** A snapshot that nobody holds, of an installation with a link on the way to lightningd. */
async function makeWorld(overrides: Partial<Terms> = {}) {
  const plain = await makePlain(overrides);
  const link = join(plain.dir, 'lightningd');
  symlinkSync('usr/bin/lightningd', link);
  Object.assign(plain.source, { named: link });
  const { id, record } = await plain.take();
  await tick();
  const find = (wanted: Partial<Terms> = {}, source = plain.source) => {
    const found = findProven(plain.store, listStore(plain.store).snapshots, source, {
      ...plain.terms,
      ...wanted,
    });
    found?.directory.close();
    return found?.id;
  };
  const rewrite = (change: Partial<SnapshotRecord>) => {
    const directory = plain.store.enter(id);
    writeRecord(directory, { ...record, ...change }, []);
    directory.close();
  };
  return { ...plain, link, id, record, path: plain.store.show(id), find, rewrite };
}

test('nothing moved: it is found, and live from then on', async () => {
  const { store, terms, source, id, path } = await makeWorld();
  const found = findProven(store, [id], source, terms);
  expect([found?.id, found?.record.root.startsWith(id), canLock(path)]).toEqual([id, true, false]);
  found?.directory.close();
});

const DATA = 'libexec/c-lightning/plugins/clnrest/routes.txt';

test.each<[string, (world: World) => void]>([
  ['a file of the installation was written to', ({ prefix }) => overwrite(join(prefix, DATA))],
  ['one is gone', ({ prefix }) => unlinkSync(join(prefix, DATA))],
  ['a name came', ({ prefix }) => writeFileSync(join(prefix, 'libexec/c-lightning/new'), '')],
  ['one has another link', ({ prefix, dir }) => linkSync(join(prefix, DATA), join(dir, 'another'))],
  [
    'the way to lightningd leads elsewhere',
    ({ link }) => {
      unlinkSync(link);
      symlinkSync('usr/bin/lightning-cli', link);
    },
  ],
  [
    'a file is in the place of the link on the way',
    ({ link, prefix }) => {
      unlinkSync(link);
      linkSync(join(prefix, 'bin/lightningd'), link);
    },
  ],
  ['a name came in the snapshot', ({ path }) => writeFileSync(join(path, 'bin/new'), '')],
  ['a name went there', ({ path }) => unlinkSync(join(path, DATA))],
  ['the manifest was written to', ({ path }) => overwrite(join(path, 'manifest.json'))],
  ['SHA256SUMS was written to', ({ path }) => appendFileSync(join(path, 'SHA256SUMS'), '\n')],
  ['SHA256SUMS is gone', ({ path }) => unlinkSync(join(path, 'SHA256SUMS'))],
  ['the record is gone', ({ path }) => unlinkSync(join(path, '.record.json'))],
  ['others can write the record', ({ path }) => chmodSync(join(path, '.record.json'), 0o666)],
  ['others can write to the snapshot', ({ path }) => chmodSync(path, 0o777)],
  ['others cannot enter it', ({ path }) => chmodSync(path, 0o700)],
  ['it has the name of another root', ({ path }) => renameSync(path, path.replace(/.{4}$/, 'ffff'))],
  ['the record is of another root', ({ rewrite }) => rewrite({ root: 'f'.repeat(64) })],
  ['it names no files', ({ rewrite }) => rewrite({ files: [] })],
  ['it is of another boot', ({ rewrite }) => rewrite({ bootId: 'boot before' })],
  ['it is of another installation', ({ rewrite }) => rewrite({ lightningd: '/usr/bin/lightningd' })],
  [
    'what was pinned is another process’s',
    ({ rewrite, record }) => rewrite({ files: record.files.map(file => ({ ...file, placement: 'pin' })) }),
  ],
])('%s: not proven, and nothing stays open', async (_what, move) => {
  const world = await makeWorld();
  move(world);
  const before = openFiles();
  expect(world.find()).toBeUndefined();
  expect(openFiles()).toBe(before);
});

test.each(['copy', 'source'] as const)(
  'a %s that was written to, with its size and mtime put back, is not proven',
  async which => {
    const { find, path, prefix } = await makeWorld({ method: 'copy' });
    expect(find({ method: 'copy' })).toBeDefined();
    overwrite(join(which === 'copy' ? path : prefix, DATA));
    expect(find({ method: 'copy' })).toBeUndefined();
  },
);

test('what a launch wants otherwise is not proven by it', async () => {
  const { find, rewrite, id, source } = await makeWorld({ method: 'copy' });
  expect(find({ method: 'auto' })).toBe(id);
  expect(find({ method: 'hardlink' })).toBeUndefined();
  expect(find({ libraries: 'hold' })).toBeUndefined();
  expect(find({ bootId: 'another' })).toBeUndefined();
  expect(find({}, { ...source, path: '/elsewhere/lightningd' })).toBeUndefined();
  rewrite({ answers: null });
  expect([find({ gate: true }), find({ gate: false })]).toEqual([undefined, id]);
});

test('one that somebody is about to wipe is left to him', async () => {
  const { find, path, id } = await makeWorld();
  const wiper = await holdLock(path, 'exclusive');
  expect(find()).toBeUndefined();
  process.kill(wiper.pid);
  await wiper.ended;
  expect(find()).toBe(id);
});

test("another user's record or snapshot is not believed, but by him; root's is by all", async ctx => {
  if (process.geteuid?.() !== 0) ctx.skip('only root can give files away');
  const { find, path, id } = await makeWorld();
  expect(find({ owner: BigInt(ORDINARY_USER) })).toBe(id);
  chownSync(join(path, '.record.json'), ORDINARY_USER, 0);
  expect([find(), find({ owner: BigInt(ORDINARY_USER) })]).toEqual([undefined, id]);
  chownSync(join(path, '.record.json'), 0, 0);
  chownSync(path, ORDINARY_USER, 0);
  expect([find(), find({ owner: BigInt(ORDINARY_USER) })]).toEqual([undefined, id]);
});

test('what is gone or closed to us is passed over', async ctx => {
  const { store, path, id } = await makeWorld();
  expect(enterOrPass(store, 'ffffffffffffffff')).toBeUndefined();
  mkdirSync(store.show('eeeeeeeeeeeeeeee'));
  enterOrPass(store, 'eeeeeeeeeeeeeeee')?.close();
  writeFileSync(store.show('dddddddddddddddd'), '');
  expect(() => enterOrPass(store, 'dddddddddddddddd')).toThrow(expect.objectContaining({ errno: 'ENOTDIR' }));
  rmSync(store.show('dddddddddddddddd'));
  if (process.geteuid?.() !== 0) ctx.skip('needs root: what is closed to oneself has been opened');
  for (const mode of [0o700, 0o744]) {
    chmodSync(path, mode);
    const before = openFiles();
    expect(asUser(ORDINARY_USER, () => enterOrPass(store, id))).toBeUndefined();
    expect(openFiles()).toBe(before);
  }
});
