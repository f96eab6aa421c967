import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatLibraries, isLibraryName, parseLibraries } from '../../../src/snapshot/libraries/document.ts';

const library = { name: 'libfoo.so.1', path: '/usr/lib/libfoo.so.1.2', size: 3, sha256: '0'.repeat(64) };
const good = { libraries: [library], directories: ['bin'] };

function parse(text: string) {
  return parseLibraries(Buffer.from(text));
}

test('the canonical text is what docs/libraries.md shows', () => {
  expect(formatLibraries(good)).toBe(`{
  "format": "holdfast-libraries/1",
  "directories": [
    "bin"
  ],
  "libraries": [
    {
      "name": "libfoo.so.1",
      "path": "/usr/lib/libfoo.so.1.2",
      "size": 3,
      "sha256": "${'0'.repeat(64)}"
    }
  ]
}
`);
});

test('what is written is read back, whatever the names', () => {
  const name = fc.string({ minLength: 1, maxLength: 60 }).filter(isLibraryName);
  const found = fc.uniqueArray(name, { maxLength: 8 });
  fc.assert(
    fc.property(found, found, (names, directories) => {
      const document = { libraries: names.map(each => ({ ...library, name: each })), directories };
      const text = formatLibraries(document);
      expect(formatLibraries(parse(text))).toBe(text);
    }),
  );
});

const text = formatLibraries(good);
const BAD: readonly [what: string, text: string, message: RegExp][] = [
  ['no JSON', '{', /no JSON/],
  ['another format', text.replace('libraries/1', 'libraries/2'), /format/],
  ['another white space', text.replace('  "format"', ' "format"'), /canonical/],
  ['no final newline', text.trimEnd(), /canonical/],
  ['a key more', text.replace('"size": 3,', '"size": 3,\n      "mode": 3,'), /no key but/],
  ['a name with a slash', text.replace('"libfoo.so.1"', '"../libfoo.so.1"'), /name/],
  ['the name of a directory', text.replace('"libfoo.so.1"', '".."'), /name/],
  ['an empty name', text.replace('"libfoo.so.1"', '""'), /name/],
  ['a NUL in a path', text.replace('/usr/lib/libfoo', '/usr/\\u0000/libfoo'), /path/],
  ['a path out of an archive', text.replace('/usr/lib/libfoo', '../usr/lib/libfoo'), /path/],
  ['a directory above', text.replace('"bin"', '"../bin"'), /directories/],
  ['a size that is none', text.replace('"size": 3', '"size": -1'), /size/],
  ['half a digest', text.replace('0'.repeat(64), '0'.repeat(32)), /sha256/],
  [
    'a library twice',
    `${JSON.stringify({ format: 'holdfast-libraries/1', directories: [], libraries: [library, library] }, undefined, 2)}\n`,
    /twice/,
  ],
];

test.each(BAD)('%s is refused', (_what, bad, message) => {
  expect(() => parse(bad)).toThrow(message);
});

test('more than is ever written is refused before it is read', () => {
  expect(() => parseLibraries(Buffer.alloc(5 << 20, 0x20))).toThrow(/at most/);
});
