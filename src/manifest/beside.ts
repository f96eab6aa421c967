/** What lies in a snapshot beside the entries of its manifest, and is no entry itself: a manifest that lists one is invalid. */

/** In a snapshot: the manifest, written last. */
export const MANIFEST_NAME = 'manifest.json';
/** In a snapshot: the same digests for `sha256sum -c`. */
export const SHA256SUMS_NAME = 'SHA256SUMS';
/** In a snapshot: the cache that proves it without hashing. */
export const RECORD_NAME = '.record.json';
/** In a snapshot: the directory of its held libraries; beside its programs a symbolic link of this name to it. */
export const LIBRARIES_DIR = '.libraries';
/** In a snapshot: what is in that directory. */
export const LIBRARIES_NAME = 'libraries.json';

/** Is this path in a snapshot that of a held library? No entry of a manifest has such a one. */
export function isHeldLibrary(path: string): boolean {
  return path.startsWith(`${LIBRARIES_DIR}/`);
}

/** What holdfast itself puts at the top of a snapshot, beside the entries. */
export const OUR_FILES: ReadonlySet<string> = new Set([
  MANIFEST_NAME,
  SHA256SUMS_NAME,
  RECORD_NAME,
  LIBRARIES_NAME,
]);
