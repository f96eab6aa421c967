/** Records by the paths of snapshots, and by what they were taken of. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { recordAt, recordsOf } from '../../../src/snapshot/record/find-records.ts';
import { snapshotJson } from '../../helpers/holdfast.ts';
import { makeCInstallation, noCompiler, tempDir } from '../../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

function taken() {
  const dir = tempDir();
  const { lightningd, prefix } = makeCInstallation(join(dir, 'real'), 'v25.12');
  symlinkSync(prefix, join(dir, 'named'));
  const named = join(dir, 'named/bin/lightningd');
  const { path } = snapshotJson([named, `--lightning-dir=${dir}/lightning`]) as { path: string };
  return { dir, lightningd, named, path, store: join(path, '..') };
}

test('a snapshot is found by the name of what it was taken of, and by what that led to', () => {
  const { lightningd, named, path, store } = taken();
  const record = recordAt(path);
  expect(record).toMatchObject({ named, lightningd });
  for (const paths of [[named], [lightningd], ['/nowhere', named]])
    expect(recordsOf(paths, store)[0]).toEqual(record);
  expect(recordsOf(['/nowhere'], store)).toEqual([]);
  expect(recordsOf([], store)).toEqual([]);
});

test('a store that leads to a fallback: the snapshot there', () => {
  const { dir, named, path } = taken();
  const asked = join(dir, 'asked');
  mkdirSync(asked);
  symlinkSync(path, join(asked, 'current'));
  expect(recordsOf([named], asked)).toEqual([recordAt(path)]);
});

test('where there is nothing, or nothing whole, there is no record, and no error', () => {
  const { dir, named, path, store } = taken();
  expect(recordsOf([named], join(dir, 'none'))).toEqual([]);
  expect(recordAt(join(dir, 'none'))).toBeUndefined();
  expect(recordAt(join(path, '.record.json'))).toBeUndefined();
  writeFileSync(join(path, '.record.json'), '{"format":');
  expect(recordAt(path)).toBeUndefined();
  expect(recordsOf([named], store)).toEqual([]);
});
