import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkEntryPath, comparePaths, MAX_PATH_BYTES } from '../../src/manifest/path.ts';

test.each([
  ['', 'is empty'],
  ['/', 'is absolute'],
  ['/bin/lightningd', 'is absolute'],
  ['a\0b', 'has a NUL'],
  ['a//b', 'has an empty component'],
  ['a/', 'has an empty component'],
  ['.', "has the component '.'"],
  ['..', "has the component '..'"],
  ['./a', "has the component '.'"],
  ['a/..', "has the component '..'"],
  ['\ud83d', 'is not UTF-8'],
  ['\udd25\ud83d', 'is not UTF-8'],
  ['a'.repeat(MAX_PATH_BYTES + 1), 'is longer than 4095 bytes'],
  ['\u{1f525}'.repeat(1024), 'is longer than 4095 bytes'],
])('%j cannot be the path of an entry', (path, reason) => {
  expect(checkEntryPath(path)).toBe(reason);
});

test.each([
  'a',
  'a/b',
  '...',
  '..a',
  'a..',
  '.a/b.',
  ' ',
  '\n',
  '\\',
  '\u{1f525}',
  'a'.repeat(MAX_PATH_BYTES),
])('%j can', path => {
  expect(checkEntryPath(path)).toBeUndefined();
});

test('paths are ordered as memcmp(3) orders their bytes', () => {
  expect(['b', 'a/b', 'a.b', 'a', '\u{1f525}', '\uffee', '\u{e9}', 'Z'].sort(comparePaths)).toEqual([
    'Z',
    'a',
    'a.b',
    'a/b',
    'b',
    '\u{e9}',
    '\uffee',
    '\u{1f525}',
  ]);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      const [x, y] = [[...Buffer.from(a)], [...Buffer.from(b)]];
      const at = x.findIndex((byte, index) => byte !== y[index]);
      const byBytes = at < 0 ? x.length - y.length : x[at]! - (y[at] ?? -1);
      expect(Math.sign(comparePaths(a, b))).toBe(Math.sign(byBytes));
    }),
  );
});
