import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { outputFileSync } from 'fs-extra/esm';
import { describe, expect, test } from 'vitest';
import { HoldfastError } from '../../src/errors.ts';
import type { ManifestFile } from '../../src/manifest/entry.ts';
import {
  formatManifest,
  MAX_MANIFEST_BYTES,
  type Manifest,
  makeManifest,
  parseManifest,
} from '../../src/manifest/manifest.ts';
import { checkEntryPath } from '../../src/manifest/path.ts';
import { parseProof } from '../../src/manifest/proof.ts';
import { parseSha256sums } from '../../src/manifest/sha256sums.ts';
import { sha256 } from '../../src/snapshot/hash/digest.ts';
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

interface Vector {
  readonly name: string;
  /** null where the manifest is to be accepted */
  readonly fault: keyof typeof WORDS | null;
  readonly text?: string;
  readonly base64?: string;
}
const vectors: Vector[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/vectors/manifests.json'), 'utf8'),
);
const bytesOf = ({ text, base64 }: Vector) =>
  base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64');

/** What we say of each fault. */
const WORDS = {
  json: /is no JSON/,
  utf8: /is not UTF-8/,
  object: /expected an object, found/,
  list: /files: expected a list, found/,
  format: /format: expected holdfast-manifest\/1, found 'holdfast-manifest\/2'/,
  'key missing': /expected the key (format|version|size), found 'none'/,
  'key unknown': /expected no key but .*, found '(signature|__proto__|owner)'/,
  root: /root: expected [0-9a-f]{64}, which the files give, found|root: expected 64 lower-case hex digits, found/,
  version: /version: expected a line of 1 to 200 printable ASCII characters, found/,
  order: /the path '.*' is out of order: it comes after '/,
  twice: /the path '.*' appears twice/,
  'file and directory': /'a' is both a file and the directory of 'a\/b/,
  path: /the path '.*' of file 0 (is|has)|file 0: path: expected a string, found 1/s,
  mode: /file 0, 'bin\/lightningd': mode: expected 100755 or 100644, found/,
  size: /file 0, 'bin\/lightningd': size: expected a whole number of bytes, found/,
  sha256: /file 0, 'bin\/lightningd': sha256: expected 64 lower-case hex digits, found/,
  canonical: /is not in its canonical form/,
} as const;

describe('the manifests of fixtures/vectors', () => {
  test.each(vectors.filter(({ fault }) => fault === null))('accepted: $name', vector => {
    const bytes = bytesOf(vector);
    const manifest = parseManifest(bytes, sha256);
    expect(formatManifest(manifest)).toBe(bytes.toString());
    expect(makeManifest(manifest.version, manifest.files.toReversed(), sha256)).toEqual(manifest);
  });

  test.each(vectors.filter(({ fault }) => fault !== null))('refused for its $fault: $name', vector => {
    expect(() => parseManifest(bytesOf(vector), sha256)).toThrow(
      expect.objectContaining({
        code: 'MANIFEST_INVALID',
        message: expect.stringMatching(WORDS[vector.fault!]), // filtered above
      }),
    );
  });
});

test('what is deeply nested is refused, and so is what is longer than 64 MiB before it is read', () => {
  const nested = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  for (const text of ['['.repeat(200_000), nested, '{"a":'.repeat(200_000), `{"files":${nested}}`]) {
    expect(() => parseManifest(Buffer.from(text), sha256)).toThrow(HoldfastError);
    expect(() => parseProof(Buffer.from(text))).toThrow(HoldfastError);
  }
  expect(() => parseManifest(Buffer.alloc(MAX_MANIFEST_BYTES + 1), sha256)).toThrow(
    /at most 67108864 are read/,
  );
});

test('a file that is the directory of another is found wherever the two stand in the list, and only then refused', () => {
  const name = fc.stringMatching(/^[a.-]{1,2}(\/[a0]{1,2}){0,3}$/).filter(path => !checkEntryPath(path));
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 1 }), names => {
      const clash = names.some(file => names.some(other => other.startsWith(`${file}/`)));
      const make = () => makeManifest('v1', names.map(file), sha256);
      if (clash) expect(make).toThrow(/ is both a file and the directory of /);
      else expect(make).not.toThrow();
    }),
    { numRuns: 500 },
  );
});

test('a manifest of 64 MiB of the deepest paths takes time in proportion to its length', () => {
  const deep = 'a/'.repeat(2040);
  const files = Array.from({ length: 15_000 }, (_, i) => file(`${deep}${String(i).padStart(5, '0')}`));
  const text = formatManifest({ format: 'holdfast-manifest/1', root: '0'.repeat(64), version: 'v1', files });
  expect(text.length).toBeGreaterThan(60_000_000);
  expect(() => parseManifest(Buffer.from(text), sha256)).toThrow(/^root: expected/); // 1 s; 111 s when quadratic
});

test('an error about a path of megabytes quotes no more of it than a path can have', () => {
  const text = formatManifest({
    format: 'holdfast-manifest/1',
    root: '0'.repeat(64),
    version: 'v1',
    files: [file('a/'.repeat(1_000_000))],
  });
  const long = expect.objectContaining({
    message: expect.stringMatching(/^.{4000,4300} is longer than 4095 bytes$/),
  });
  expect(() => parseManifest(Buffer.from(text), sha256)).toThrow(long);
});

test('nor does an error about any other value quote more than its beginning', () => {
  const endless = 'x'.repeat(500_000);
  for (const change of [{ version: endless }, { root: endless }, { format: endless }, { [endless]: 1 }]) {
    const text = altered(manifest => ({ ...manifest, ...change }));
    expect(() => parseManifest(Buffer.from(text), sha256)).toThrow(/^.{200,300}$/);
  }
});

test('a byte changed anywhere is refused, but for those of size and version, which the root does not cover', () => {
  const bytes = Buffer.from(good);
  const manifest = parseManifest(bytes, sha256);
  const bare = (m: Manifest) => ({ ...m, version: '', files: m.files.map(f => ({ ...f, size: 0 })) });
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = Buffer.from(bytes);
      changed[at] = changed[at]! ^ mask;
      let parsed: Manifest;
      try {
        parsed = parseManifest(changed, sha256);
      } catch (error) {
        expect(error).toMatchObject({ name: 'HoldfastError', code: 'MANIFEST_INVALID' });
        return;
      }
      expect(parsed).not.toEqual(manifest);
      expect(bare(parsed)).toEqual(bare(manifest));
    }),
    { numRuns: 500 },
  );
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
