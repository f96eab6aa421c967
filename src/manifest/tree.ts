/**
 * The Merkle tree of RFC 9162, section 2.1, over a list of entries. Pure: no I/O, the hash is passed in.
 * Names follow the RFC: MTH, leaf, node, inclusion proof, tree_size.
 */

/** SHA-256 of the concatenation of its arguments, 32 bytes. */
export type Sha256 = (...parts: Uint8Array[]) => Uint8Array;

const LEAF = Uint8Array.of(0x00);
const NODE = Uint8Array.of(0x01);
const HASH_BYTES = 32;

/** HASH(0x00 || d[i]) (2.1.1). */
export function leafHash(entry: Uint8Array, sha256: Sha256): Uint8Array {
  return sha256(LEAF, entry);
}

/** HASH(0x01 || left || right) (2.1.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array, sha256: Sha256): Uint8Array {
  return sha256(NODE, checkHash(left), checkHash(right));
}

/** MTH of a list of leaf hashes (2.1.1); of the empty list, the hash of nothing. Linear in time, no copies. */
export function merkleRoot(leaves: readonly Uint8Array[], sha256: Sha256): Uint8Array {
  return leaves.length === 0 ? sha256() : rootOf(leaves, 0, leaves.length, sha256);
}

/**
 * PATH(m, D_n), the inclusion proof for leaf `index` (2.1.3.1): the hash beside each node on the way to the root,
 * from the leaf up.
 * @throws RangeError where there is no such leaf
 */
export function inclusionPath(leaves: readonly Uint8Array[], index: number, sha256: Sha256): Uint8Array[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= leaves.length) {
    throw new RangeError(`index: there is no leaf ${index} among ${leaves.length}`);
  }
  const path: Uint8Array[] = [];
  let [start, end] = [0, leaves.length];
  while (end - start > 1) {
    const split = start + largestPowerOfTwoBelow(end - start);
    if (index < split) {
      path.push(rootOf(leaves, split, end, sha256));
      end = split;
    } else {
      path.push(rootOf(leaves, start, split, sha256));
      start = split;
    }
  }
  return path.reverse();
}

/**
 * Recomputes the root from a leaf and its inclusion path (2.1.3.2); undefined where the path does not fit the index and
 * the size of the tree.
 */
export function rootFromInclusionPath(
  leaf: Uint8Array,
  index: number,
  treeSize: number,
  path: readonly Uint8Array[],
  sha256: Sha256,
): Uint8Array | undefined {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(treeSize) || index < 0 || index >= treeSize)
    return undefined;
  let fn = index;
  let sn = treeSize - 1;
  let r = checkHash(leaf);
  for (const p of path) {
    if (sn === 0) return undefined; // step 4a
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r, sha256); // step 4b
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      r = nodeHash(r, p, sha256);
    }
    fn = Math.floor(fn / 2); // step 4c
    sn = Math.floor(sn / 2);
  }
  return sn === 0 ? r : undefined; // step 5
}

function rootOf(leaves: readonly Uint8Array[], start: number, end: number, sha256: Sha256): Uint8Array {
  if (end - start === 1) return checkHash(leaves[start]!); // start is below end, which is at most the length
  const split = start + largestPowerOfTwoBelow(end - start);
  return nodeHash(rootOf(leaves, start, split, sha256), rootOf(leaves, split, end, sha256), sha256);
}

/** k of 2.1.1: the largest power of two smaller than n, for n > 1. */
function largestPowerOfTwoBelow(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

function checkHash(hash: Uint8Array): Uint8Array {
  if (hash.length !== HASH_BYTES) throw new RangeError(`hash: ${hash.length} bytes instead of ${HASH_BYTES}`);
  return hash;
}
