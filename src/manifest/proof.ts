/**
 * The inclusion proof of one file (RFC 9162, 2.1.3): that an entry is in the tree of a root, without the other entries.
 * A proof is untrusted input. Pure.
 */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { HoldfastError, quote } from '../errors.ts';
import { entryLeaf, invalid, type ManifestFile, readDigest, readEntry, readFields } from './entry.ts';
import { readJson, readText } from './json.ts';
import { leavesOf, type Manifest } from './manifest.ts';
import { inclusionPath, rootFromInclusionPath, type Sha256 } from './tree.ts';

const FORMAT = 'holdfast-proof/1';
const KEYS = ['format', 'root', 'index', 'treeSize', 'path', 'file'] as const;

/** An entry and one hash a level are far below this. */
export const MAX_PROOF_BYTES = 64 * 1024;

/** A proof that `file` is entry `index` of `treeSize` below `root`. */
export interface Proof {
  readonly format: 'holdfast-proof/1';
  readonly root: string;
  readonly index: number;
  readonly treeSize: number;
  /** the inclusion path from the leaf up, hex */
  readonly path: readonly string[];
  readonly file: ManifestFile;
}

/** Makes the proof for the entry with this path. @throws HoldfastError `MANIFEST_INVALID` where there is none */
export function makeProof(manifest: Manifest, entryPath: string, sha256: Sha256): Proof {
  const index = manifest.files.findIndex(({ path }) => path === entryPath);
  const file = manifest.files[index];
  if (file === undefined)
    throw new HoldfastError('MANIFEST_INVALID', `there is no entry ${quote(entryPath)}`, { path: entryPath });
  const path = inclusionPath(leavesOf(manifest, sha256), index, sha256).map(bytesToHex);
  return { format: FORMAT, root: manifest.root, index, treeSize: manifest.files.length, path, file };
}

/** Does the proof, which was read by `readProof`, lead from its file to this root? */
export function verifyProof(proof: Proof, root: string, sha256: Sha256): boolean {
  const path = proof.path.map(hexToBytes);
  const found = rootFromInclusionPath(
    entryLeaf(proof.file, sha256),
    proof.index,
    proof.treeSize,
    path,
    sha256,
  );
  return found !== undefined && bytesToHex(found) === root;
}

/** Reads a proof. @throws HoldfastError `MANIFEST_INVALID` */
export function parseProof(bytes: Uint8Array): Proof {
  return readProof(readJson(readText(bytes, MAX_PROOF_BYTES, 'the proof'), 'the proof'));
}

/**
 * Reads a value as a proof. What is none must not be checked: the bytes of `100755 a b` would also be those of a file
 * `b` with the mode `100755 a`. @throws HoldfastError `MANIFEST_INVALID`
 */
export function readProof(value: unknown): Proof {
  const { format, root, index, treeSize, path, file } = readFields(value, KEYS, 'the proof');
  if (format !== FORMAT) throw invalid('format', FORMAT, format);
  if (!Array.isArray(path)) throw invalid('path', 'a list', path);
  return {
    format,
    root: readDigest(root, 'root'),
    index: readCount(index, 'index'),
    treeSize: readCount(treeSize, 'treeSize'),
    path: path.map((hash, level) => readDigest(hash, `path, level ${level}`)),
    file: readEntry(file, 'file'),
  };
}

function readCount(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(what, 'a whole number', value);
}
