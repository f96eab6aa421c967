/** What is in doubt is read: a snapshot that agrees is used again, one that differs in anything is not. */
import {
  appendFileSync,
  chmodSync,
  linkSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { HoldfastError } from '../../../../src/errors.ts';
import { type SnapshotRecord, writeRecord } from '../../../../src/snapshot/record/record.ts';
import { findByHash, passGate } from '../../../../src/snapshot/take/prove/by-hash.ts';
import { findProven } from '../../../../src/snapshot/take/prove/by-record.ts';
import type { Listing, Source } from '../../../../src/snapshot/take/source.ts';
import type { Terms } from '../../../../src/snapshot/take/terms.ts';
import { Work } from '../../../../src/snapshot/take/work.ts';
import { canLock } from '../../../helpers/locks.ts';
import { makePlain, openFiles, tick } from '../../../helpers/plain.ts';

type World = Awaited<ReturnType<typeof makeWorld>>;
const DATA = 'libexec/c-lightning/plugins/clnrest/routes.txt';

/** A snapshot whose record leaves everything in doubt: it is of another boot. */
async function makeWorld(overrides: Partial<Terms> = {}) {
  const plain = await makePlain(overrides);
  const { id, record } = await plain.take();
  const path = plain.store.show(id);
  const rewrite = (change: Partial<SnapshotRecord>) => {
    const directory = plain.store.enter(id);
    writeRecord(directory, { ...record, ...change }, []);
    directory.close();
  };
  rewrite({ bootId: 'boot before' });
  await tick();
  /** As a launch would: what it has listed, then `between`, then the comparison. */
  const find = async (between: () => void = () => undefined) => {
    const work = new Work(plain.plan);
    work.listing = (await plain.source.list(plain.store)) as Listing;
    between();
    const found = await findByHash(work);
    if (found !== undefined) onTestFinished(() => found.directory.close());
    return { work, found };
  };
  const prove = () => findProven(plain.store, [id], plain.source, plain.terms);
  return { ...plain, id, path, record, rewrite, find, prove };
}

test.each(['auto', 'copy'] as const)(
  'by %s: what agrees is live, and its record proves it from then on',
  async method => {
    const { find, prove, id, path } = await makeWorld({ method });
    expect(prove()).toBeUndefined();
    const { found, work } = await find();
    expect([found?.id, canLock(path), work.warnings]).toEqual([id, false, []]);
    const proven = prove();
    proven?.directory.close();
    expect(proven?.id).toBe(id);
  },
);

test.each<[string, (world: World) => void]>([
  [
    'a file of the installation has other content',
    ({ prefix }) => writeFileSync(join(prefix, DATA), 'GETINFO\n'),
  ],
  ['its first file has', ({ prefix }) => writeFileSync(join(prefix, 'bin/lightning-cli'), 'THE CLIENT')],
  ['one has another size', ({ prefix }) => appendFileSync(join(prefix, DATA), '\n')],
  ['one can be executed by now', ({ prefix }) => chmodSync(join(prefix, DATA), 0o755)],
  ['one more is there', ({ prefix }) => writeFileSync(join(prefix, 'bin/new'), '')],
  ['one is gone', ({ prefix }) => unlinkSync(join(prefix, DATA))],
  ['one has another name', ({ prefix }) => renameSync(join(prefix, DATA), join(prefix, `${DATA}.old`))],
  ['the snapshot has other content', ({ path }) => writeFileSync(join(path, DATA), 'GETINFO\n')],
  ['a file is gone there', ({ path }) => unlinkSync(join(path, DATA))],
  ['one more is there', ({ path }) => writeFileSync(join(path, 'bin/new'), '')],
  ['one is there with other modes', ({ path }) => chmodSync(join(path, DATA), 0o666)],
  ['a directory is there with other modes', ({ path }) => chmodSync(join(path, 'bin'), 0o775)],
  ['the record is gone', ({ path }) => unlinkSync(join(path, '.record.json'))],
  ['the record is of another version', ({ rewrite }) => rewrite({ version: 'v26.03' })],
  ['SHA256SUMS is another', ({ path }) => appendFileSync(join(path, 'SHA256SUMS'), '\n')],
  ['the manifest is none', ({ path }) => writeFileSync(join(path, 'manifest.json'), '{}')],
  [
    'the manifest is another',
    ({ path }) => {
      const manifest = join(path, 'manifest.json');
      writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('v25.12', 'v26.03'));
    },
  ],
  ['the manifest can be written by others', ({ path }) => chmodSync(join(path, 'manifest.json'), 0o666)],
])('%s: it does not agree, and nothing stays open', async (_what, change) => {
  const world = await makeWorld({ method: 'copy' });
  change(world);
  const before = openFiles();
  expect((await world.find()).found).toBeUndefined();
  expect(openFiles()).toBe(before);
});

test.each<[string, (world: World) => void]>([
  ['a name came', ({ prefix }) => writeFileSync(join(prefix, 'bin/new'), '')],
  ['a file was written to', ({ prefix }) => writeFileSync(join(prefix, DATA), 'GETINFO\n')],
])('%s between listing and reading: it does not agree', async (_what, change) => {
  const world = await makeWorld({ method: 'copy' });
  expect((await world.find(() => change(world))).found).toBeUndefined();
});

test('a file that another one of the same content has replaced agrees', async () => {
  const { find, prefix, id, prove } = await makeWorld();
  const file = join(prefix, DATA);
  writeFileSync(`${file}.new`, readFileSync(file), { mode: 0o644 });
  renameSync(`${file}.new`, file);
  await tick();
  expect((await find()).found?.id).toBe(id);
  const proven = prove();
  proven?.directory.close();
  expect(proven?.id).toBe(id);
});

test('a file that moved after it was listed does not agree, and does the next time', async () => {
  const { find, prefix, dir, id } = await makeWorld();
  const { found } = await find(() => linkSync(join(prefix, DATA), join(dir, 'link')));
  expect(found).toBeUndefined();
  await tick();
  expect((await find()).found?.id).toBe(id);
});

test('one whose programs nobody has asked is asked where it lies, and the answer recorded', async () => {
  const { find, rewrite, source, path, prove } = await makeWorld();
  rewrite({ bootId: 'boot before', answers: null });
  const asked: string[] = [];
  const versions: Source['versions'] = async directory => {
    asked.push(directory);
    return { version: 'v25.12', answers: [{ path: 'bin/lightningd', says: 'v25.12' }] };
  };
  Object.assign(source, { versions });
  const { work, found } = await find();
  await work.lock();
  const passed = await passGate(work, found!);
  await work.close();
  expect([asked, 'record' in passed && passed.record.answers?.length]).toEqual([[path], 1]);
  const proven = prove();
  proven?.directory.close();
  expect(proven?.record.answers).toEqual([{ path: 'bin/lightningd', says: 'v25.12' }]);
});

test('one whose programs disagree is not handed on, nor kept live; the lock is free while they are asked', async () => {
  const { plan, rewrite, source, path, store } = await makeWorld();
  rewrite({ bootId: 'boot before', answers: null });
  const locks: boolean[] = [];
  const versions: Source['versions'] = async () => {
    locks.push(canLock(store.show('.lock')));
    return { unsettled: new HoldfastError('GATE', 'two versions') };
  };
  Object.assign(source, { versions });
  const work = new Work(plan);
  work.listing = (await source.list(store)) as Listing;
  await work.lock();
  const found = await findByHash(work);
  expect(canLock(path)).toBe(false);
  expect(await passGate(work, found!)).toEqual({ unsettled: expect.objectContaining({ code: 'GATE' }) });
  await work.close();
  expect([locks, canLock(path)]).toEqual([[true], true]);
});
