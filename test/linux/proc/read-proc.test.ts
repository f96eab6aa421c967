import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { readProcFile, splitStrings } from '../../../src/linux/proc/read-proc.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-read-proc-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** What readProcFile makes of a file with these bytes. */
function readBack(bytes: Uint8Array): Buffer {
  const path = join(dir, 'file');
  writeFileSync(path, bytes);
  return readProcFile(path);
}

test('gives every byte back as it is', () => {
  const utf8 = fc.string({ unit: 'binary' }).map(text => Buffer.from(text));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), utf8), bytes => {
      expect(readBack(bytes)).toEqual(Buffer.from(bytes));
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['a byte order mark', [0xef, 0xbb, 0xbf, 0x61]],
  ['the replacement character itself', [0xef, 0xbf, 0xbd]],
  ['a surrogate in three bytes', [0xed, 0xa0, 0x80]],
  ['an overlong NUL', [0xc0, 0x80]],
  ['a sequence cut short', [0x61, 0xf0, 0x9f]],
  ['NULs', [0, 0, 0x61, 0]],
])('gives back %s', (_, bytes) => {
  expect(readBack(Uint8Array.from(bytes))).toEqual(Buffer.from(bytes));
});

test('reads what stat(2) calls empty', () => {
  expect(readProcFile('/proc/self/cmdline').toString()).toContain('node');
});

test('throws the errno', () => {
  expect(() => readProcFile(join(dir, 'none'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});

describe('splitStrings', () => {
  test('gives back any strings without NUL, empty ones included', () => {
    const word = fc.uint8Array({ maxLength: 20 }).map(bytes => Buffer.from(bytes.filter(byte => byte !== 0)));
    fc.assert(
      fc.property(fc.array(word), words => {
        const bytes = Buffer.concat(words.flatMap(one => [one, Buffer.of(0)]));
        expect(splitStrings(bytes).map(String)).toEqual(words.map(String));
      }),
    );
  });

  test('a title written over the arguments, without a NUL at its end, is one argument', () => {
    expect(splitStrings(Buffer.from('postgres: writer')).map(String)).toEqual(['postgres: writer']);
  });

  test('takes an open end, and nothing', () => {
    expect(splitStrings(Buffer.from('\0a\0\0b')).map(String)).toEqual(['', 'a', '', 'b']);
    expect(splitStrings(Buffer.alloc(0))).toEqual([]);
  });
});
