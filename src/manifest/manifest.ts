/**
 * manifest.json: what a snapshot consists of, and the Merkle root over it. A manifest is untrusted input: it is parsed
 * strictly, and its text must be the canonical one. Pure: no I/O, the hash is passed in. docs/manifest.md has the format.
 */
import { HoldfastError, quote } from '../errors.ts';
import { entryLeaf, invalid, type ManifestFile, readDigest, readEntry, readFields } from './entry.ts';
import { readJson } from './json.ts';
import { comparePaths } from './path.ts';
import { merkleRoot, type Sha256 } from './tree.ts';

export type { FileMode, ManifestFile } from './entry.ts';

const FORMAT = 'holdfast-manifest/1';
const KEYS = ['format', 'root', 'version', 'files'] as const;

/** The size up to which a manifest is read: 100,000 files with long names fit. */
export const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

/** A manifest, valid by construction. */
export interface Manifest {
  readonly format: typeof FORMAT;
  /** RFC 9162's MTH over the entries, 64 hex digits */
  readonly root: string;
  /** what lightningd says of its version, one line; not part of the root */
  readonly version: string;
  /** sorted by the bytes of their paths */
  readonly files: readonly ManifestFile[];
}

/** Makes the manifest of these files, in whatever order they come. @throws HoldfastError `MANIFEST_INVALID` */
export function makeManifest(version: string, files: readonly ManifestFile[], sha256: Sha256): Manifest {
  const sorted = files
    .map((file, index) => readEntry(pick(file), `file ${index}`))
    .sort((a, b) => comparePaths(a.path, b.path));
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
  const { text, value } = readJson(bytes, MAX_MANIFEST_BYTES, 'the manifest');
  const { format, root, version, files } = readFields(value, KEYS, 'the manifest');
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
  return Buffer.from(
    merkleRoot(
      files.map(file => entryLeaf(file, sha256)),
      sha256,
    ),
  ).toString('hex');
}

/** Sorted, each path once, and none of them a directory of another. */
function checkOrder(files: readonly ManifestFile[]): void {
  const paths = new Set(files.map(({ path }) => path));
  for (const [index, { path }] of files.entries()) {
    const before = files[index - 1]?.path;
    if (before === path) throw new HoldfastError('MANIFEST_INVALID', `the path ${quote(path)} appears twice`);
    if (before !== undefined && comparePaths(before, path) > 0) {
      throw new HoldfastError(
        'MANIFEST_INVALID',
        `the path ${quote(path)} is out of order: it comes after ${quote(before)}`,
      );
    }
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      if (!paths.has(path.slice(0, end))) continue;
      throw new HoldfastError(
        'MANIFEST_INVALID',
        `${quote(path.slice(0, end))} is both a file and the directory of ${quote(path)}`,
      );
    }
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
