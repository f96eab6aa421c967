import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ManifestFile } from '../../src/manifest/entry.ts';
import { makeManifest } from '../../src/manifest/manifest.ts';
import { MAX_PROOF_BYTES, makeProof, type Proof, parseProof, verifyProof } from '../../src/manifest/proof.ts';
import * as library from '../../src/manifest.ts';
import { sha256 } from '../../src/snapshot/hash/digest.ts';

const file = (path: string): ManifestFile => ({
  path,
  mode: '100755',
  size: path.length,
  sha256: Buffer.from(sha256(Buffer.from(path))).toString('hex'),
});
const manifestOf = (size: number) =>
  makeManifest(
    'v1',
    Array.from({ length: size }, (_, i) => file(`libexec/${i}`)),
    sha256,
  );

test('every proof survives its text and holds for its root', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), (size, n) => {
      const manifest = manifestOf(size);
      const proof = makeProof(manifest, manifest.files[n % size]!.path, sha256);
      expect(proof).toMatchObject({ index: n % size, treeSize: size, file: manifest.files[n % size] });
      expect(parseProof(Buffer.from(JSON.stringify(proof)))).toEqual(proof);
      expect(verifyProof(proof, manifest.root, sha256)).toBe(true);
    }),
  );
});

const manifest = manifestOf(7);
const proof = makeProof(manifest, manifest.files[4]!.path, sha256);
const otherDigest = '0'.repeat(64);

test.each<[string, Partial<Proof>]>([
  ['another path', { file: { ...proof.file, path: 'libexec/5' } }],
  ['another mode', { file: { ...proof.file, mode: '100644' } }],
  ['another digest', { file: { ...proof.file, sha256: otherDigest } }],
  ['another index', { index: 5 }],
  ['an index beyond the tree', { index: 7 }],
  ['another hash on the way', { path: proof.path.with(1, otherDigest) }],
  ['two hashes swapped', { path: [proof.path[1]!, proof.path[0]!, ...proof.path.slice(2)] }],
  ['a hash less', { path: proof.path.slice(1) }],
  ['a hash less at the top', { path: proof.path.slice(0, -1) }],
  ['a hash more', { path: [...proof.path, otherDigest] }],
  ['no hashes', { path: [] }],
  ['no hashes, as of a tree of one', { path: [], index: 0, treeSize: 1 }],
  ['a tree of nothing', { treeSize: 0 }],
])('a proof with %s does not hold', (_what, change) => {
  expect(verifyProof(proof, manifest.root, sha256)).toBe(true);
  expect(verifyProof({ ...proof, ...change }, manifest.root, sha256)).toBe(false);
});

test('a proof of more hashes than its tree has levels does not hold, though they lead to the root', () => {
  const two = manifestOf(2);
  const second = makeProof(two, 'libexec/1', sha256);
  expect(verifyProof(second, two.root, sha256)).toBe(true);
  expect(verifyProof({ ...second, index: 0, treeSize: 1 }, two.root, sha256)).toBe(false); // 2.1.3.2, step 4a
});

test('a proof holds for no other root, whatever root it names itself', () => {
  expect(verifyProof({ ...proof, root: otherDigest }, otherDigest, sha256)).toBe(false);
  expect(verifyProof(proof, manifestOf(8).root, sha256)).toBe(false);
});

test.each<[string, unknown, RegExp]>([
  ['of an unknown format', { ...proof, format: 'holdfast-proof/2' }, /format: expected holdfast-proof\/1/],
  ['with an unknown key', { ...proof, more: 1 }, /no key but/],
  ['without an index', { ...proof, index: undefined }, /the key index/],
  ['with a negative index', { ...proof, index: -1 }, /index: expected a whole number, found -1/],
  ['with a tree size that is no number', { ...proof, treeSize: '7' }, /treeSize: expected a whole number/],
  ['with a path that is no list', { ...proof, path: otherDigest }, /path: expected a list/],
  ['with a short hash', { ...proof, path: ['ab'] }, /path, level 0: expected 64/],
  ['with a root in capitals', { ...proof, root: 'A'.repeat(64) }, /root: expected 64/],
  [
    'of a path that climbs',
    { ...proof, file: { ...proof.file, path: '../x' } },
    /the path '\.\.\/x' of file has/,
  ],
  ['of a file with an unknown mode', { ...proof, file: { ...proof.file, mode: '104755' } }, /mode: expected/],
  ['that is a list', [proof], /expected an object, found a list/],
])('a proof %s is refused, and the reason named', (_what, value, reason) => {
  expect(() => parseProof(Buffer.from(JSON.stringify(value)))).toThrow(
    expect.objectContaining({ code: 'MANIFEST_INVALID', message: expect.stringMatching(reason) }),
  );
});

test('the proof of the longest path, with every byte escaped, in the deepest tree, is still small enough to read', () => {
  const longest = file(['\u0001'.repeat(255), ...Array(15).fill('\u0001'.repeat(255))].join('/'));
  const deepest = { ...proof, file: longest, path: Array(53).fill(otherDigest) };
  const bytes = Buffer.from(JSON.stringify(deepest, undefined, 2));
  expect(parseProof(bytes)).toEqual(deepest);
  expect(bytes.length).toBeLessThan(MAX_PROOF_BYTES);
  expect(() => parseProof(Buffer.alloc(MAX_PROOF_BYTES + 1, ' '))).toThrow(/at most/);
});

test('there is no proof of a file that is not there', () => {
  expect(() => makeProof(manifest, 'z', sha256)).toThrow(/no entry 'z'/);
});

describe('checkInclusion, of a proof that nobody has parsed', () => {
  const file = (path: string) => ({ path, mode: '100755' as const, size: 1, sha256: 'a'.repeat(64) });
  const manifest = library.makeManifest('v25.12', [file('a'), file('a b'), file('c')]);
  const proof = library.inclusionProof(manifest, 'a b');

  test('holds where it is one', () => {
    expect(library.checkInclusion(JSON.parse(JSON.stringify(proof)), manifest.root)).toBe(true);
  });

  test.each<[string, unknown]>([
    [
      'whose mode has taken the beginning of its path',
      { ...proof, file: { ...file('b'), mode: '100755 a' } },
    ],
    ['with a path that is no list', { ...proof, path: undefined }],
    ['with a hash that is no hex', { ...proof, path: ['zz'] }],
    ['with a hash that is too short', { ...proof, path: ['00'] }],
    ['without a file', { ...proof, file: undefined }],
    ['that is nothing', null],
  ])('does not for one %s', (_what, value) => {
    expect(library.checkInclusion(value as library.Proof, manifest.root)).toBe(false);
  });
});
