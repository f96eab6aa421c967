import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entryBytes, entryLeaf, type ManifestFile } from '../../src/manifest/entry.ts';
import { makeManifest } from '../../src/manifest/manifest.ts';
import { nobleSha256 } from '../../src/manifest/sha256.ts';
import { inclusionPath, leafHash, merkleRoot, rootFromInclusionPath } from '../../src/manifest/tree.ts';
import { sha256 as launchersSha256 } from '../../src/snapshot/digest.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

interface Vector {
  readonly files: readonly ManifestFile[];
  readonly entries: readonly string[];
  readonly leaves: readonly string[];
  readonly root: string;
  readonly inclusionPaths: readonly (readonly string[])[];
}
const vectors: Vector[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/vectors/trees.json'), 'utf8'),
);

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

test("Certificate Transparency's own test vectors come out", () => {
  const inputs = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ];
  const leaves = inputs.map(input => leafHash(Buffer.from(input, 'hex'), nobleSha256));
  expect(hex(merkleRoot([], nobleSha256))).toBe(
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
  expect(hex(merkleRoot(leaves, nobleSha256))).toBe(
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  );
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

const someLeaves = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { minLength: 1, maxLength: 70 });

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
