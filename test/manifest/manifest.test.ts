import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { outputFileSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import { HoldfastError } from '../../src/errors.ts';
import type { ManifestFile } from '../../src/manifest/entry.ts';
import { formatManifest, makeManifest, parseManifest } from '../../src/manifest/manifest.ts';
import { checkEntryPath } from '../../src/manifest/path.ts';
import { makeProof, parseProof, verifyProof } from '../../src/manifest/proof.ts';
import { formatSha256sums, parseSha256sums } from '../../src/manifest/sha256sums.ts';
import { sha256 } from '../../src/snapshot/digest.ts';
import { tempDir } from '../helpers/stand-in.ts';

const hash = (text: string) => Buffer.from(sha256(Buffer.from(text))).toString('hex');
const file = (path: string): ManifestFile => ({
  path,
  mode: '100755',
  size: path.length,
  sha256: hash(path),
});

const paths = fc
  .uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), { maxLength: 12 })
  .map(names => names.filter(name => checkEntryPath(name) === undefined && !name.includes('/')));

test('the order in which files come does not matter, and text and value make a round trip', () => {
  fc.assert(
    fc.property(paths, names => {
      const manifest = makeManifest('v25.12', names.map(file), sha256);
      const text = formatManifest(manifest);
      expect(formatManifest(makeManifest('v25.12', [...names].reverse().map(file), sha256))).toBe(text);
      expect(parseManifest(Buffer.from(text), sha256)).toEqual(manifest);
    }),
  );
});

test('any change of path, mode or digest of any file changes the root; size and version do not enter it', () => {
  const files = ['a', 'b/c', 'd'].map(file);
  const { root } = makeManifest('v1', files, sha256);
  const rootWith = (change: Partial<ManifestFile>) =>
    makeManifest('v1', files.with(1, { ...files[1]!, ...change }), sha256).root;
  expect(rootWith({ path: 'b/d' })).not.toBe(root);
  expect(rootWith({ mode: '100644' })).not.toBe(root);
  expect(rootWith({ sha256: hash('other') })).not.toBe(root);
  expect(rootWith({ size: 99 })).toBe(root);
  expect(makeManifest('v2', files, sha256).root).toBe(root);
});

const good = formatManifest(makeManifest('v25.12', ['bin/lightningd', 'libexec/x'].map(file), sha256));
const altered = (
  change: (value: Record<string, unknown> & { files: Record<string, unknown>[] }) => unknown,
) => {
  const value = JSON.parse(good);
  return `${JSON.stringify(change(value) ?? value, undefined, 2)}\n`;
};

const withFirst = (change: Record<string, unknown>) =>
  altered(m => ({ ...m, files: m.files.with(0, { ...m.files[0], ...change }) }));

test.each([
  ['empty', '', /no JSON/],
  ['not JSON', 'null,', /no JSON/],
  ['deeply nested', '['.repeat(200_000), /no JSON|expected an object/],
  ['a list', '[]\n', /expected an object/],
  ['of an unknown format', altered(m => ({ ...m, format: 'holdfast-manifest/2' })), /format/],
  ['with an unknown key', altered(m => ({ ...m, extra: 1 })), /no key but/],
  ['without a version', altered(({ version: _, ...m }) => m), /the key version/],
  ['with a version of two lines', altered(m => ({ ...m, version: 'v1\nv2' })), /version/],
  ['with a wrong root', altered(m => ({ ...m, root: '0'.repeat(64) })), /root: expected/],
  [
    'with a root in capitals',
    altered(m => ({ ...m, root: String(m.root).toUpperCase() })),
    /root: expected 64/,
  ],
  ['out of order', altered(m => ({ ...m, files: m.files.reverse() })), /out of order/],
  ['with a path twice', altered(m => ({ ...m, files: [m.files[0], m.files[0]] })), /appears twice/],
  ['with an absolute path', withFirst({ path: '/etc/passwd' }), /is absolute/],
  ['with a path that climbs', withFirst({ path: 'a/../../b' }), /component '\.\.'/],
  ['with an empty component', withFirst({ path: 'a//b' }), /empty component/],
  ['with a path that is not UTF-8', good.replace('bin/lightningd', 'bin/\\ud800'), /not UTF-8/],
  [
    'with a file that is a directory as well',
    formatted([file('a'), file('a/b')]),
    /both a file and the directory/,
  ],
  ['with a mode that is none', withFirst({ mode: '104755' }), /mode: expected 100755 or 100644/],
  ['with a negative size', withFirst({ size: -1 }), /size/],
  ['with a fractional size', withFirst({ size: 1.5 }), /size/],
  ['with an unsafe size', good.replace(/"size": \d+/, '"size": 9007199254740993'), /size/],
  ['with a short digest', withFirst({ sha256: 'ab' }), /sha256: expected 64/],
  ['with other white space', good.replace('\n', '\r\n'), /canonical/],
  ['with a key twice', good.replace('"format"', '"version": "v1",\n  "format"'), /canonical/],
  ['without its final newline', good.trimEnd(), /canonical/],
  ['with a byte order mark', `\ufeff${good}`, /no JSON/],
])('a manifest that is %s is refused, and the reason named', (_what, text, reason) => {
  expect(() => parseManifest(Buffer.from(text), sha256)).toThrow(
    expect.objectContaining({ code: 'MANIFEST_INVALID', message: expect.stringMatching(reason) }),
  );
});

/** The text of a manifest that makeManifest would refuse. */
function formatted(files: ManifestFile[]): string {
  return formatManifest({ format: 'holdfast-manifest/1', root: '0'.repeat(64), version: 'v1', files });
}

test('bytes that are not UTF-8 are refused', () => {
  const bytes = Buffer.from(good);
  bytes[bytes.indexOf('lightningd')] = 0xff;
  expect(() => parseManifest(bytes, sha256)).toThrow(/not UTF-8/);
});

test('whatever the input, the parsers throw nothing but their own error', () => {
  const onlyOurs = (parse: () => unknown) => {
    try {
      parse();
    } catch (error) {
      expect(error).toBeInstanceOf(HoldfastError);
      expect(error).toMatchObject({ code: 'MANIFEST_INVALID' });
    }
  };
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map(Buffer.from),
        fc.jsonValue().map(v => Buffer.from(altered(m => ({ ...m, files: v })))),
      ),
      bytes => {
        onlyOurs(() => parseManifest(bytes, sha256));
        onlyOurs(() => parseProof(bytes));
        onlyOurs(() => parseSha256sums(Buffer.from(bytes).toString()));
      },
    ),
  );
});

test('a proof makes a round trip and holds for its root alone', () => {
  const manifest = makeManifest('v1', ['a', 'b', 'c', 'd', 'e'].map(file), sha256);
  for (const { path } of manifest.files) {
    const proof = parseProof(Buffer.from(JSON.stringify(makeProof(manifest, path, sha256))));
    expect(verifyProof(proof, manifest.root, sha256)).toBe(true);
    expect(verifyProof(proof, '0'.repeat(64), sha256)).toBe(false);
    expect(verifyProof({ ...proof, file: { ...proof.file, mode: '100644' } }, manifest.root, sha256)).toBe(
      false,
    );
  }
  expect(() => makeProof(manifest, 'z', sha256)).toThrow(/no entry 'z'/);
});

test('SHA256SUMS is what sha256sum -c reads, whatever the names', () => {
  const dir = tempDir();
  const names = [
    'plain',
    'sub/dir',
    'a b',
    '-dash',
    'new\nline',
    'back\\slash',
    'return\r',
    '\\n',
    '*star',
    ' lead',
    '\u{1f525}',
  ];
  for (const name of names) {
    outputFileSync(join(dir, name), name);
  }
  const text = formatSha256sums(names.map(file));
  writeFileSync(join(dir, 'SHA256SUMS'), text);
  execFileSync('sha256sum', ['--quiet', '--strict', '-c', 'SHA256SUMS'], { cwd: dir });
  expect(parseSha256sums(text)).toEqual(new Map(names.map(name => [name, hash(name)])));
});

test('the check that docs/manifest.md shows gives the root of a real tree', ctx => {
  const doc = readFileSync(join(import.meta.dirname, '../../docs/manifest.md'), 'utf8');
  const program = /```python\n(.*?)```/s.exec(doc)?.[1] ?? '';
  const dir = tempDir();
  const names = ['bin/lightningd', 'libexec/one', 'libexec/two', 'z'];
  for (const name of names) {
    outputFileSync(join(dir, name), name, { mode: 0o755 });
  }
  const manifest = makeManifest('v1', names.map(file), sha256);
  writeFileSync(join(dir, 'manifest.json'), formatManifest(manifest));
  try {
    execFileSync('python3', ['--version']);
  } catch {
    ctx.skip('python3 is not installed');
  }
  const said = execFileSync('python3', ['-c', program, dir], { encoding: 'utf8' });
  expect(said.trim()).toBe(manifest.root);
});
