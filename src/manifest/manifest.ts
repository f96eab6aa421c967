/**
 * manifest.json: what a snapshot consists of, and the Merkle root over it. A manifest is untrusted input: it is parsed
 * strictly, and its text must be the canonical one. Pure: no I/O, the hash is passed in. docs/manifest.md has the format.
 */
import { bytesToHex } from '@noble/hashes/utils.js';
import { HoldfastError, quote } from '../errors.ts';
import { entryLeaf, invalid, type ManifestFile, readDigest, readEntry, readFields } from './entry.ts';
import { readJson, readText } from './json.ts';
import { checkLines } from './lines.ts';
import { comparePaths, sortByPath } from './path.ts';
import { merkleRoot, type Sha256 } from './tree.ts';

export type { FileMode, ManifestFile } from './entry.ts';

const FORMAT = 'holdfast-manifest/1';
const KEYS = ['format', 'root', 'version', 'files'] as const;

/** The size up to which a manifest is read: 100,000 files with long names fit. */
export const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

/** Up to here JSON.parse of anything is cheap, and says best what is wrong; above, the lines are checked before. */
const CHEAP_TEXT = 1024 * 1024;

/** A manifest, valid by construction. */
export interface Manifest {
  readonly format: 'holdfast-manifest/1';
  /** RFC 9162's MTH over the entries, 64 hex digits */
  readonly root: string;
  /** what lightningd says of its version, one line; not part of the root */
  readonly version: string;
  /** sorted by the bytes of their paths */
  readonly files: readonly ManifestFile[];
}

/** Makes the manifest of these files, in whatever order they come. @throws HoldfastError `MANIFEST_INVALID` */
export function makeManifest(version: string, files: readonly ManifestFile[], sha256: Sha256): Manifest {
  if (!Array.isArray(files)) throw invalid('files', 'a list', files);
  const sorted = sortByPath(files.map((file, index) => readEntry(pick(Object(file)), `file ${index}`)));
  checkOrder(sorted);
  return { format: FORMAT, root: rootOf(sorted, sha256), version: readVersion(version), files: sorted };
}

/** The leaves of the tree, in the order of the files. */
export function leavesOf({ files }: Manifest, sha256: Sha256): Uint8Array[] {
  return files.map(file => entryLeaf(file, sha256));
}

/** The canonical text: keys in order, two spaces, a final newline. */
export function formatManifest({ format, root, version, files }: Manifest): string {
  return `${JSON.stringify({ format, root, version, files: files.map(pick) }, undefined, 2)}\n`;
}

/** Reads a manifest. @throws HoldfastError `MANIFEST_INVALID` that says what breaks the format, and where */
export function parseManifest(bytes: Uint8Array, sha256: Sha256): Manifest {
  const text = readText(bytes, MAX_MANIFEST_BYTES, 'the manifest');
  if (text.length > CHEAP_TEXT) checkLines(text);
  const { format, root, version, files } = readFields(readJson(text, 'the manifest'), KEYS, 'the manifest');
  if (format !== FORMAT) throw invalid('format', FORMAT, format);
  const expected = readDigest(root, 'root');
  if (!Array.isArray(files)) throw invalid('files', 'a list', files);
  const entries = files.map((file, index) => readEntry(file, `file ${index}`));
  checkOrder(entries);
  const manifest: Manifest = {
    format,
    root: rootOf(entries, sha256),
    version: readVersion(version),
    files: entries,
  };
  if (manifest.root !== expected) throw invalid('root', `${manifest.root}, which the files give`, expected);
  if (formatManifest(manifest) !== text) {
    throw new HoldfastError(
      'MANIFEST_INVALID',
      'the manifest is not in its canonical form: order of keys, white space or escapes differ',
    );
  }
  return manifest;
}

function rootOf(files: readonly ManifestFile[], sha256: Sha256): string {
  const leaves = files.map(file => entryLeaf(file, sha256));
  return bytesToHex(merkleRoot(leaves, sha256));
}

/** Sorted, each path once, and none of them a directory of another. */
function checkOrder(files: readonly ManifestFile[]): void {
  // The files whose paths the next path may begin with. In the order of bytes, all that lies between a path and one
  // that begins with it begins with it too: one that the next does not begin with will not be met again. Looking up
  // the directories of each path instead takes time quadratic in its depth: 111 s for a hostile 64 MiB (measured).
  const above: string[] = [];
  for (const [index, { path }] of files.entries()) {
    const before = files[index - 1]?.path;
    if (before === path) throw new HoldfastError('MANIFEST_INVALID', `the path ${quote(path)} appears twice`);
    if (before !== undefined && comparePaths(before, path) > 0) {
      throw new HoldfastError(
        'MANIFEST_INVALID',
        `the path ${quote(path)} is out of order: it comes after ${quote(before)}`,
      );
    }
    while (above.length > 0 && !path.startsWith(above.at(-1) ?? '')) above.pop();
    const directory = above.find(file => path[file.length] === '/');
    if (directory !== undefined) {
      throw new HoldfastError(
        'MANIFEST_INVALID',
        `${quote(directory)} is both a file and the directory of ${quote(path)}`,
      );
    }
    above.push(path);
  }
}

function readVersion(version: unknown): string {
  if (typeof version === 'string' && /^[\x20-\x7e]{1,200}$/.test(version)) return version;
  throw invalid('version', 'a line of 1 to 200 printable ASCII characters', version);
}

/** Just the fields of an entry, in order. */
function pick({ path, mode, size, sha256 }: ManifestFile): ManifestFile {
  return { path, mode, size, sha256 };
}
