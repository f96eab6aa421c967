/** One file of a manifest: its fields, its bytes in the tree, and the checks at the door. Pure. */
import { concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { HoldfastError, quote } from '../errors.ts';
import { isHeldLibrary, OUR_FILES } from './beside.ts';
import { checkEntryPath, MAX_PATH_BYTES } from './path.ts';
import { leafHash, type Sha256 } from './tree.ts';

/** git's words for a file that can be executed, and one that cannot. */
export const FILE_MODES = ['100755', '100644'] as const;
export type FileMode = (typeof FILE_MODES)[number];

/** A file of a snapshot. */
export interface ManifestFile {
  /** below the snapshot's top */
  readonly path: string;
  readonly mode: FileMode;
  /** bytes */
  readonly size: number;
  /** of the content, 64 lower-case hex digits */
  readonly sha256: string;
}

/** The keys of a file, in their order. */
export const FILE_KEYS = ['path', 'mode', 'size', 'sha256'] as const;

/** mode || 0x20 || path || 0x00 || digest: git's tree entry with a plain digest. */
export function entryBytes({ mode, path, sha256 }: ManifestFile): Uint8Array {
  return concatBytes(utf8ToBytes(`${mode} ${path}\0`), hexToBytes(sha256));
}

/** The leaf of an entry (RFC 9162, 2.1.1). */
export function entryLeaf(file: ManifestFile, sha256: Sha256): Uint8Array {
  return leafHash(entryBytes(file), sha256);
}

const IS_BESIDE = 'is that of no entry: holdfast has it beside them';

/** Reads a value as an entry. @throws HoldfastError `MANIFEST_INVALID` that names it by `what` */
export function readEntry(value: unknown, what: string): ManifestFile {
  const fields = readFields(value, FILE_KEYS, what);
  const { path, mode, size, sha256 } = fields;
  if (typeof path !== 'string') throw invalid(`${what}: path`, 'a string', path);
  const reason = checkEntryPath(path) ?? (OUR_FILES.has(path) || isHeldLibrary(path) ? IS_BESIDE : undefined);
  if (reason !== undefined) {
    throw new HoldfastError(
      'MANIFEST_INVALID',
      `the path ${quote(path.slice(0, MAX_PATH_BYTES))} of ${what} ${reason}`,
    );
  }
  const named = `${what}, ${quote(path)}`;
  const known = FILE_MODES.find(word => word === mode);
  if (known === undefined) throw invalid(`${named}: mode`, FILE_MODES.join(' or '), mode);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || Object.is(size, -0)) {
    throw invalid(`${named}: size`, 'a whole number of bytes', size);
  }
  return { path, mode: known, size, sha256: readDigest(sha256, `${named}: sha256`) };
}

/** Reads a value as a SHA-256 in hex. @throws HoldfastError `MANIFEST_INVALID` */
export function readDigest(value: unknown, what: string): string {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value;
  throw invalid(what, '64 lower-case hex digits', value);
}

/** Reads a value as an object with exactly these keys. @throws HoldfastError `MANIFEST_INVALID` */
export function readFields<K extends string>(
  value: unknown,
  keys: readonly K[],
  what: string,
): Record<K, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(what, 'an object', value);
  for (const key of keys) if (!Object.hasOwn(value, key)) throw invalid(what, `the key ${key}`, 'none');
  for (const key of Object.keys(value)) {
    if (!(keys as readonly string[]).includes(key)) throw invalid(what, `no key but ${keys.join(', ')}`, key);
  }
  return value as Record<K, unknown>;
}

/** Words a mismatch. */
export function invalid(what: string, expected: string, found: unknown): HoldfastError {
  const text =
    typeof found === 'string'
      ? quote(found.slice(0, 200))
      : typeof found === 'number'
        ? String(found)
        : typeOf(found);
  return new HoldfastError('MANIFEST_INVALID', `${what}: expected ${expected}, found ${text}`);
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`;
}

/** The mode that a file has in the manifest: executable when any execute bit is set. @param stat as of fs.lstat with bigint */
export function fileMode(stat: { readonly mode: bigint }): FileMode {
  return (stat.mode & 0o111n) !== 0n ? '100755' : '100644';
}
