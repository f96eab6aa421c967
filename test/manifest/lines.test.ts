import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkLines } from '../../src/manifest/lines.ts';
import { formatManifest, makeManifest, parseManifest } from '../../src/manifest/manifest.ts';
import { sha256 } from '../../src/snapshot/hash/digest.ts';

const digest = '0'.repeat(64);
const file = (path: string) => ({ path, mode: '100755', size: path.length, sha256: digest }) as const;
const good = formatManifest(makeManifest('v25.12', ['a', 'b{[,"', 'c\n'].map(file), sha256));
const many = Array.from({ length: 8000 }, (_, i) => file(`libexec/plugins/${i}`));

test('the lines of every manifest are in order, whatever the names', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z"\\{}[\],:\n\u2028]{1,20}$/), { minLength: 1 });
  fc.assert(
    fc.property(names, paths => {
      checkLines(formatManifest(makeManifest('v1 "[{,', paths.map(file), sha256)));
    }),
  );
});

const lines = good.split('\n');
const altered = (at: number, ...line: string[]) => lines.toSpliced(at, 1, ...line).join('\n');

test.each<[string, string, RegExp]>([
  ['nothing', '', /^line 1 of the manifest: expected {, found ''/],
  ['brackets only', '['.repeat(100), /^line 1 of the manifest: expected {/],
  ['one line', JSON.stringify(JSON.parse(good)), /^line 1 of/],
  [
    'a list for a value',
    altered(2, '  "root": [[],[]],'),
    /^line 3 of the manifest: expected "root": and one value/,
  ],
  [
    'an object for a value',
    altered(6, '      "path": {},'),
    /^line 7 of the manifest: expected "path": and one/,
  ],
  [
    'two values on a line',
    altered(8, '      "size": 1, "more": [],'),
    /^line 9 of the manifest: expected "size":/,
  ],
  ['two values after a string', altered(6, '      "path": "a", "more": [],'), /^line 7 of/],
  ['no value', altered(6, '      "path": ,'), /^line 7 of/],
  [
    'a line more in an entry',
    altered(8, lines[8]!, '      "more": 1,'),
    /^line 10 of the manifest: expected "sha256":/,
  ],
  ['values where an entry begins', altered(5, '    {"a":[],'), /^line 6 of the manifest: expected {, found/],
  ['entries after an entry', altered(10, '    },{},{},'), /^line 11 of the manifest: expected }, found/],
  ['no entries', lines.toSpliced(5, 18).join('\n'), /^line 6 of the manifest: expected {, found ' {2}\]'$/],
  ['no end', lines.slice(0, 11).join('\n'), /^the manifest ends in its line 11$/],
  ['more after the end', `${good}[[]]`, /^the manifest goes on after its end$/],
])('%s: refused, and the line named', (_what, text, reason) => {
  expect(() => checkLines(good)).not.toThrow();
  expect(() => checkLines(text)).toThrow(
    expect.objectContaining({ code: 'MANIFEST_INVALID', message: expect.stringMatching(reason) }),
  );
});

test('a manifest of more than a megabyte is read as a small one; one that is not canonical is refused unparsed', () => {
  const manifest = makeManifest('v25.12', many, sha256);
  const text = formatManifest(manifest);
  expect(text.length).toBeGreaterThan(1024 * 1024);
  expect(parseManifest(Buffer.from(text), sha256)).toEqual(manifest);
  const read = (bad: string) => () => parseManifest(Buffer.from(bad), sha256);
  expect(read(`${text}\n`)).toThrow(/goes on after its end/);
  expect(read(text.replace('"size": 17', '"size": 1.7e1'))).toThrow(/is not in its canonical form/);
  expect(read(text.replace('v25.12', 'v26.03\\n'))).toThrow(/version: expected a line/);
  expect(read(`{"files":[${'{},'.repeat(1_000_000)}{}]}`)).toThrow(/^line 1 of the manifest: expected {/);
});
