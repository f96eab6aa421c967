/** The record as a file: who may be believed, what is none, and how it is replaced. What it proves: by-record.test.ts. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Directory } from '../../../src/linux/files/directory.ts';
import {
  isOfBoot,
  isRecordOf,
  makeRecord,
  readRecord,
  type SnapshotRecord,
  writeRecord,
} from '../../../src/snapshot/record/record.ts';
import { ORDINARY_USER } from '../../helpers/holdfast.ts';
import { closing, US } from '../../helpers/plain.ts';
import { works } from '../../helpers/running.ts';
import { tempDir } from '../../helpers/stand-in.ts';

const FACTS = {
  bootId: 'this boot',
  root: 'ab'.repeat(32),
  version: 'v25.12',
  lightningd: '/usr/bin/lightningd',
  named: '/usr/bin/lightningd',
  links: [{ path: '/usr/bin/link', to: 'lightningd' }],
  program: 'bin/lightningd',
  directories: [{ path: '/usr/bin', is: '1:2' }],
  placedDirectories: [{ path: 'bin', is: '1:3' }],
  manifestIs: '1:4',
  sumsIs: '1:5',
  files: [
    {
      path: 'bin/lightningd',
      sha256: 'cd'.repeat(32),
      placement: 'hardlink',
      source: '/usr/bin/lightningd',
      sourceIs: '1:6',
      placedIs: '1:6',
    },
  ],
  libraries: { is: '1:7', libraryPath: '', cacheIs: '', links: [], directories: [] },
  answers: [{ path: 'bin/lightningd', says: 'v25.12' }],
} as const;

function makeSnapshot() {
  const path = tempDir();
  return { path, snapshot: closing(Directory.open(path)), file: join(path, '.record.json') };
}

function write(snapshot: Directory, record: SnapshotRecord): string[] {
  const warnings: string[] = [];
  writeRecord(snapshot, record, warnings);
  return warnings;
}

test('what is read is what was written, whatever is left of an attempt before; and whoever reads the old one has all of it', () => {
  const { path, snapshot, file } = makeSnapshot();
  const [first, second] = [makeRecord(FACTS), makeRecord({ ...FACTS, version: 'v26.03' })];
  expect(readRecord(snapshot)).toBeUndefined();
  expect(write(snapshot, first)).toEqual([]);
  expect(readRecord(snapshot)).toEqual(first);
  const old = openSync(file, 'r');
  const precious = join(tempDir(), 'precious');
  writeFileSync(precious, 'money');
  symlinkSync(precious, `${file}.new`);
  expect(write(snapshot, second)).toEqual([]);
  expect(readRecord(snapshot)).toEqual(second);
  expect(JSON.parse(readFileSync(old, 'utf8'))).toEqual(JSON.parse(JSON.stringify(first)));
  expect(readFileSync(precious, 'utf8')).toBe('money');
  expect(readdirSync(path)).toEqual(['.record.json']);
});

test('one that cannot be written is said and is no failure, and the one before stays', () => {
  const { snapshot, file } = makeSnapshot();
  const record = makeRecord(FACTS);
  write(snapshot, record);
  mkdirSync(`${file}.new`);
  writeFileSync(join(`${file}.new`, 'mine'), '');
  expect(write(snapshot, makeRecord({ ...FACTS, version: 'v26.03' }))).toEqual([
    expect.stringMatching(
      /^cannot remove '.*\.record\.json\.new': .*; the next launch has to read every file again$/,
    ),
  ]);
  expect(readRecord(snapshot)).toEqual(record);
  expect(existsSync(join(`${file}.new`, 'mine'))).toBe(true);
});

test('nothing but a whole record of ours is read, and nothing is waited for', () => {
  const { snapshot, file } = makeSnapshot();
  const text = JSON.stringify(makeRecord(FACTS));
  const put = (content: string) => () => writeFileSync(file, content);
  const odd: [string, () => unknown][] = [
    ['cut short', put(text.slice(0, -1))],
    ['another format', put(text.replace('holdfast-record/2', 'holdfast-record/1'))],
    ['a NUL in a path', put(text.replace('"/usr/bin/link"', '"/usr/bin/\\u0000link"'))],
    ['an unknown placement', put(text.replace('"hardlink"', '"symlink"'))],
    ['a root that is none', put(text.replace('abab', 'ABAB'))],
    ['no object', put('null')],
    ['a directory', () => mkdirSync(file)],
    ['a FIFO', () => works('mkfifo', file)],
    [
      'a link',
      () => {
        writeFileSync(`${file}.elsewhere`, text);
        symlinkSync('.record.json.elsewhere', file);
      },
    ],
  ];
  put(text)();
  expect(readRecord(snapshot)).toBeDefined();
  for (const [what, make] of odd) {
    rmSync(file, { recursive: true });
    make();
    expect([what, readRecord(snapshot)]).toEqual([what, undefined]);
  }
});

test.each(Object.keys(FACTS).filter(key => key !== 'libraries'))('one without its %s is none', key => {
  const { snapshot, file } = makeSnapshot();
  const { [key]: _, ...rest } = makeRecord(FACTS) as unknown as Record<string, unknown>;
  writeFileSync(file, JSON.stringify(rest));
  expect(readRecord(snapshot)).toBeUndefined();
});

test('it is believed by who wrote it, and by all where root did; not where others can write it', ctx => {
  const { snapshot, file } = makeSnapshot();
  expect(isRecordOf(snapshot, US)).toBe(false);
  write(snapshot, makeRecord(FACTS));
  expect(isRecordOf(snapshot, US)).toBe(true);
  for (const mode of [0o664, 0o646]) {
    chmodSync(file, mode);
    expect(isRecordOf(snapshot, US)).toBe(false);
  }
  chmodSync(file, 0o644);
  expect(isRecordOf(snapshot, BigInt(ORDINARY_USER))).toBe(US === 0n);
  if (US !== 0n) ctx.skip('only root can give a file away');
  chownSync(file, ORDINARY_USER, ORDINARY_USER);
  expect(isRecordOf(snapshot, 0n)).toBe(false);
  expect(isRecordOf(snapshot, BigInt(ORDINARY_USER))).toBe(true);
});

test('where the boot is not known, none is of this one', () => {
  expect(isOfBoot({ bootId: 'this' }, 'this')).toBe(true);
  expect(isOfBoot({ bootId: 'this' }, 'other')).toBe(false);
  expect(isOfBoot({ bootId: '' }, '')).toBe(false);
});
