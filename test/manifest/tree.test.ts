import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entryBytes, entryLeaf, type ManifestFile } from '../../src/manifest/entry.ts';
import { makeManifest } from '../../src/manifest/manifest.ts';
import { nobleSha256 } from '../../src/manifest/sha256.ts';
import { inclusionPath, leafHash, merkleRoot, rootFromInclusionPath } from '../../src/manifest/tree.ts';
import { sha256 as launchersSha256 } from '../../src/snapshot/hash/digest.ts';
import { holdfast } from '../helpers/holdfast.ts';
import { makeInstallation, tempDir } from '../helpers/stand-in.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

interface Vector {
  readonly files: readonly ManifestFile[];
  readonly entries: readonly string[];
  readonly leaves: readonly string[];
  readonly root: string;
  readonly inclusionPaths: readonly (readonly string[])[];
}
const VECTORS = join(import.meta.dirname, '../../fixtures/vectors');
const read = (name: string) => readFileSync(join(VECTORS, name), 'utf8');
const standIn: Vector = JSON.parse(read('stand-in.json'));
const vectors: Vector[] = [...JSON.parse(read('trees.json')), standIn];

describe.each(vectors.map(vector => [vector.files.length, vector] as const))(
  'the tree of %i entries',
  (_size, vector) => {
    test('has the entries, leaves, root and inclusion paths of the independent implementation', () => {
      const leaves = vector.files.map(file => entryLeaf(file, nobleSha256));
      expect(vector.files.map(file => hex(entryBytes(file)))).toEqual(vector.entries);
      expect(leaves.map(hex)).toEqual(vector.leaves);
      expect(hex(merkleRoot(leaves, nobleSha256))).toBe(vector.root);
      expect(leaves.map((_, index) => inclusionPath(leaves, index, nobleSha256).map(hex))).toEqual(
        vector.inclusionPaths,
      );
      expect(makeManifest('v1', vector.files, nobleSha256).root).toBe(vector.root);
    });
  },
);

test('the stand-in installation has the files and the root of its vector', () => {
  const { prefix } = makeInstallation(tempDir(), 'v25.12');
  for (const { path, mode, size, sha256 } of standIn.files) {
    const content = readFileSync(join(prefix, path));
    const { mode: bits } = statSync(join(prefix, path));
    expect([path, bits & 0o111 ? '100755' : '100644', content.length, hex(nobleSha256(content))]).toEqual([
      path,
      mode,
      size,
      sha256,
    ]);
  }
  expect(holdfast(['root', prefix])).toMatchObject({ status: 0, stdout: `${standIn.root}\n` });
});

test('the vectors are what make.py writes', ctx => {
  const dir = tempDir();
  try {
    execFileSync('python3', ['--version']);
  } catch {
    ctx.skip('python3 is not installed');
  }
  execFileSync('python3', [join(VECTORS, 'make.py'), dir], { stdio: ['ignore', 'ignore', 'inherit'] });
  for (const name of ['trees.json', 'stand-in.json', 'manifests.json']) {
    expect(readFileSync(join(dir, name), 'utf8') === read(name), `${name}: run make.py again`).toBe(true);
  }
});

test("Certificate Transparency's own test vectors come out", () => {
  const { entries, roots, inclusionPaths } = JSON.parse(read('certificate-transparency.json')) as {
    entries: string[];
    roots: string[];
    inclusionPaths: { index: number; treeSize: number; path: string[] }[];
  };
  const leaves = entries.map(entry => leafHash(Buffer.from(entry, 'hex'), nobleSha256));
  expect(roots.map((_, size) => hex(merkleRoot(leaves.slice(0, size), nobleSha256)))).toEqual(roots);
  for (const { index, treeSize, path } of inclusionPaths) {
    expect(inclusionPath(leaves.slice(0, treeSize), index, nobleSha256).map(hex)).toEqual(path);
    const hashes = path.map(hash => Buffer.from(hash, 'hex'));
    const root = rootFromInclusionPath(leaves[index]!, index, treeSize, hashes, nobleSha256);
    expect(root && hex(root)).toBe(roots[treeSize]);
  }
});

test('a tree of 100,000 entries takes one hash for each node, and a proof no more', () => {
  let hashes = 0;
  const counting = (...parts: Uint8Array[]) => {
    hashes += 1;
    return parts[1]!; // any 32 bytes will do
  };
  const leaves = Array.from({ length: 100_000 }, () => new Uint8Array(32));
  merkleRoot(leaves, counting);
  expect(hashes).toBe(99_999);
  hashes = 0;
  expect(inclusionPath(leaves, 54_321, counting)).toHaveLength(17);
  expect(hashes).toBeLessThan(100_000);
});

test("noble's SHA-256, the launcher's and node:crypto's agree", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), parts => {
      const expected = createHash('sha256').update(Buffer.concat(parts)).digest('hex');
      expect(hex(nobleSha256(...parts))).toBe(expected);
      expect(hex(launchersSha256(...parts))).toBe(expected);
    }),
    { numRuns: 50 },
  );
});

/** All different, as the leaves of a manifest are: each has its own path. */
const someLeaves = fc.uniqueArray(fc.uint8Array({ minLength: 32, maxLength: 32 }), {
  minLength: 1,
  maxLength: 70,
  selector: hex,
});

test('every inclusion proof leads to the root', () => {
  fc.assert(
    fc.property(someLeaves, fc.nat(), (leaves, n) => {
      const index = n % leaves.length;
      const path = inclusionPath(leaves, index, launchersSha256);
      const root = rootFromInclusionPath(leaves[index]!, index, leaves.length, path, launchersSha256);
      expect(root && hex(root)).toBe(hex(merkleRoot(leaves, launchersSha256)));
    }),
  );
});

test('no altered inclusion proof does', () => {
  fc.assert(
    fc.property(someLeaves, fc.nat(), fc.nat(), (leaves, n, bit) => {
      const index = n % leaves.length;
      const path = inclusionPath(leaves, index, launchersSha256).map(hash => Uint8Array.from(hash));
      const root = hex(merkleRoot(leaves, launchersSha256));
      const leadsTo = (leaf: Uint8Array, at: number, size: number, hashes: Uint8Array[]) => {
        const found = rootFromInclusionPath(leaf, at, size, hashes, launchersSha256);
        return found !== undefined && hex(found) === root;
      };
      const leaf = leaves[index]!;
      expect(leadsTo(flip(leaf, bit), index, leaves.length, path)).toBe(false);
      expect(leadsTo(leaf, index, leaves.length, [...path, leaf])).toBe(false);
      expect(leadsTo(leaf, leaves.length, leaves.length, path)).toBe(false);
      for (const other of [index - 1, index + 1, bit % leaves.length].filter(at => at !== index))
        expect(leadsTo(leaf, other, leaves.length, path)).toBe(false);
      if (path.length === 0) return;
      expect(leadsTo(leaf, index, leaves.length, path.slice(1))).toBe(false);
      const level = bit % path.length;
      expect(leadsTo(leaf, index, leaves.length, path.with(level, flip(path[level]!, bit)))).toBe(false);
    }),
  );
});

test('a bit flipped in any leaf changes the root', () => {
  fc.assert(
    fc.property(someLeaves, fc.nat(), fc.nat(), (leaves, n, bit) => {
      const index = n % leaves.length;
      const changed = leaves.with(index, flip(leaves[index]!, bit));
      expect(hex(merkleRoot(changed, launchersSha256))).not.toBe(hex(merkleRoot(leaves, launchersSha256)));
    }),
  );
});

test('a hash of another length is refused, and so is an index that is not there', () => {
  expect(() => merkleRoot([new Uint8Array(31)], nobleSha256)).toThrow(RangeError);
  expect(() => inclusionPath([new Uint8Array(32)], 1, nobleSha256)).toThrow(RangeError);
});

function flip(bytes: Uint8Array, bit: number): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  const index = Math.floor(bit / 8) % copy.length;
  copy[index] = copy[index]! ^ (1 << (bit % 8));
  return copy;
}
