import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { outputFileSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import type { ManifestFile } from '../../src/manifest/entry.ts';
import { checkEntryPath } from '../../src/manifest/path.ts';
import { formatSha256sums, parseSha256sums } from '../../src/manifest/sha256sums.ts';
import { sha256 } from '../../src/snapshot/hash/digest.ts';
import { tempDir } from '../helpers/stand-in.ts';

const hash = (text: string) => Buffer.from(sha256(Buffer.from(text))).toString('hex');
const file = (path: string): ManifestFile => ({ path, mode: '100644', size: 1, sha256: hash(path) });

test('sha256sum -c reads what we write, and we read what sha256sum writes, whatever the names', ctx => {
  const dir = tempDir();
  const all = [
    'plain',
    'sub/dir',
    'a b',
    '-dash',
    'new\nline',
    '\n',
    'back\\slash',
    'return\r',
    '\r\n\\',
    '\\n',
    '\\',
    '*star',
    ' lead',
    'trail ',
    `'"`,
    '\u{1f525}',
    '\u2028',
    '\ufeff',
  ];
  for (const name of all) outputFileSync(join(dir, name), name);
  const probe = execFileSync('sha256sum', ['return\r'], { cwd: dir, encoding: 'utf8' });
  const names = probe.startsWith('\\') ? all : all.filter(name => !name.includes('\r'));
  if (names !== all) ctx.annotate('this sha256sum does not know the escape of a carriage return: not tested');
  const expected = new Map(names.map(name => [name, hash(name)]));
  const text = formatSha256sums(names.map(file));
  writeFileSync(join(dir, 'SHA256SUMS'), text);
  execFileSync('sha256sum', ['--quiet', '--strict', '-c', 'SHA256SUMS'], { cwd: dir });
  expect(parseSha256sums(text)).toEqual(expected);
  for (const kind of ['--text', '--binary']) {
    const theirs = execFileSync('sha256sum', [kind, '--', ...names], { cwd: dir, encoding: 'utf8' });
    expect(parseSha256sums(theirs)).toEqual(expected);
    if (kind === '--text') expect(text).toBe(theirs);
  }
});

test('text and digests make a round trip', () => {
  const name = fc
    .array(fc.constantFrom('a', '\\', '\n', '\r', 'n', 'r', ' ', '*', '\u{e9}', '/'), { minLength: 1 })
    .map(letters => letters.join(''))
    .filter(path => checkEntryPath(path) === undefined);
  fc.assert(
    fc.property(fc.uniqueArray(name), names => {
      expect(parseSha256sums(formatSha256sums(names.map(file)))).toEqual(
        new Map(names.map(path => [path, hash(path)])),
      );
    }),
  );
});

const digest = hash('x');

test.each([
  ['no newline at the end', `${digest}  x`],
  ['an empty line', `${digest}  x\n\n`],
  ['no name', `${digest}  \n`],
  ['an escaped name that is empty', `\\${digest}  \n`],
  ['one space', `${digest} x\n`],
  ['a digest in capitals', `${digest.toUpperCase()}  x\n`],
  ['a digest that is short', `${digest.slice(1)}  x\n`],
  ['a file twice', `${digest}  x\n${digest}  x\n`],
  ['a file twice, once escaped', `${digest}  x\n\\${digest}  x\n`],
  ['an unknown escape', `\\${digest}  a\\tb\n`],
  ['an escape cut short', `\\${digest}  a\\\n`],
  ['the BSD style', `SHA256 (x) = ${digest}\n`],
  ['a byte order mark', `\ufeff${digest}  x\n`],
])('SHA256SUMS with %s is refused', (_what, text) => {
  expect(() => parseSha256sums(text)).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }));
});

test('a backslash means itself where the line does not begin with one', () => {
  expect(parseSha256sums(`${digest}  a\\nb\n`)).toEqual(new Map([['a\\nb', digest]]));
});

test('what lacks its last newline was cut short, and is said to be', () => {
  expect(() => parseSha256sums(`${digest}  name`)).toThrow(/does not end with a newline/);
  expect(parseSha256sums('')).toEqual(new Map());
});

test('an escaped name of 16 MB is only a long name', () => {
  const name = `${'x'.repeat(16 * 1024 * 1024)}\n`;
  const [path] = parseSha256sums(formatSha256sums([{ ...file('x'), path: name }])).keys();
  expect(path === name).toBe(true); // not toBe: a difference would be printed
});
