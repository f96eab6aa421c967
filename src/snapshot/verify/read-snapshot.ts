/**
 * The snapshot that is being verified, and what it says of itself: its manifest and its SHA256SUMS, both untrusted,
 * bounded in size and parsed strictly. Never follows a symbolic link, never writes.
 */
import type { BigIntStats } from 'node:fs';
import { HoldfastError, quote, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { readRegularFile } from '../../linux/files/read-file.ts';
import { type FileMode, MAX_MANIFEST_BYTES, type Manifest, parseManifest } from '../../manifest/manifest.ts';
import { parseSha256sums } from '../../manifest/sha256sums.ts';
import { sha256 } from '../hash/digest.ts';
import type { HashResult } from '../hash/hash.ts';
import type { LibrariesDocument } from '../libraries/document.ts';
import { LIBRARIES_DIR, MANIFEST_NAME, SHA256SUMS_NAME } from '../store/layout.ts';
import type { Ledger } from './ledger.ts';
import { kindOf, type Scan } from './scan.ts';

/** What a file of the snapshot must be; SHA256SUMS, where it has to stand in for the manifest, tells the digest alone. */
export interface Expected {
  readonly sha256: string;
  readonly size: number | undefined;
  readonly mode: FileMode | undefined;
}

/** What a snapshot says of held libraries. */
export interface HeldView {
  /** undefined where none are held, or where what is said of them cannot be relied on */
  readonly document: LibrariesDocument | undefined;
  /** are some held, as far as the record or the file itself tells? */
  readonly held: boolean;
  /** the paths of the links that lead to them */
  readonly links: ReadonlySet<string>;
}

/** All that the checks look at. */
export interface SnapshotReading {
  readonly directory: Directory;
  /** its name in the directory above it */
  readonly name: string;
  /** who may own files of it, beside root */
  readonly owner: bigint;
  readonly expectRoot: string | undefined;
  /** a pinned file that can be reached is in it as the file that it leads to */
  readonly scan: Scan;
  readonly manifest: Manifest | undefined;
  /** SHA256SUMS as it is, and parsed */
  readonly sums: { readonly text: string; readonly digests: ReadonlyMap<string, string> } | undefined;
  /** by path; undefined where neither the manifest nor SHA256SUMS can be relied on */
  readonly expected: ReadonlyMap<string, Expected> | undefined;
  /** the held libraries, and what leads to them */
  readonly libraries: HeldView;
  /** files known to be copies that we made, so that their modes are ours */
  readonly copied: ReadonlySet<string>;
  /** pinned files of which nothing is known: see check-pins.ts */
  readonly lost: ReadonlySet<string>;
  /** digests of the files that could be hashed, or why not */
  readonly hashes: ReadonlyMap<string, HashResult | HoldfastError>;
}

/** Step `manifest`: there, and valid in every respect that it can be by itself, its own root included. */
export function readManifest(directory: Directory, scanned: Scan, ledger: Ledger): Manifest | undefined {
  const bytes = readOwn(directory, MANIFEST_NAME, 'manifest', scanned, ledger);
  if (bytes === undefined) return undefined;
  try {
    return parseManifest(bytes, sha256);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'MANIFEST_INVALID') throw error;
    ledger.finding(
      'manifest',
      MANIFEST_NAME,
      'it is not a valid manifest',
      'a valid holdfast-manifest/1',
      error.message,
    );
    return undefined;
  }
}

/** SHA256SUMS by itself; whether it agrees with the manifest is a check of its own. */
export function readSums(directory: Directory, scanned: Scan, ledger: Ledger): SnapshotReading['sums'] {
  const bytes = readOwn(directory, SHA256SUMS_NAME, 'sha256sums', scanned, ledger);
  if (bytes === undefined) return undefined;
  const text = bytes.toString();
  try {
    return { text, digests: parseSha256sums(text) };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    ledger.finding(
      'sha256sums',
      SHA256SUMS_NAME,
      'it cannot be parsed',
      'lines as sha256sum(1) writes them',
      error.message,
    );
    return undefined;
  }
}

/**
 * What each file must be, by the manifest, else by SHA256SUMS: a damaged manifest must not hide a damaged file. Held
 * libraries are files like others, but that libraries.json has them.
 */
export function expectedFiles(
  manifest: Manifest | undefined,
  sums: SnapshotReading['sums'],
  { document }: HeldView,
): ReadonlyMap<string, Expected> | undefined {
  if (manifest === undefined && sums === undefined) return undefined;
  const expected = new Map<string, Expected>(manifest?.files.map(file => [file.path, file]));
  if (manifest === undefined) {
    for (const [path, digest] of sums?.digests ?? [])
      expected.set(path, { sha256: digest, size: undefined, mode: undefined });
  }
  for (const { name, size, sha256: digest } of document?.libraries ?? [])
    expected.set(`${LIBRARIES_DIR}/${name}`, { sha256: digest, size, mode: undefined });
  return expected;
}

/** Reads a file that holdfast put at the top of the snapshot; reports why where that cannot be done. */
export function readOwn(
  directory: Directory,
  name: string,
  check: 'manifest' | 'sha256sums' | 'libraries',
  { entries, closed }: Scan,
  ledger: Ledger,
): Buffer | undefined {
  const why = closed.get(name) ?? closed.get('.');
  const stat = entries.get(name);
  if (stat === undefined && why !== undefined) ledger.unknown(check, name, why);
  else if (stat === undefined) ledger.finding(check, name, 'it is missing', 'a regular file', 'nothing');
  else if (!stat.isFile()) ledger.finding(check, name, 'it is no file', 'a regular file', kindOf(stat));
  else if (stat.size > MAX_MANIFEST_BYTES) {
    const most = `at most ${MAX_MANIFEST_BYTES} bytes`;
    ledger.finding(check, name, 'it is too large to be one of ours', most, `${stat.size} bytes`);
  } else {
    try {
      return readWhole(directory, name, stat);
    } catch (error) {
      ledger.unknown(check, name, systemError('read', directory.show(name), error).message);
    }
  }
  return undefined;
}

function readWhole(directory: Directory, name: string, listed: BigIntStats): Buffer {
  const shownAs = directory.show(name);
  const { bytes, stat } = readRegularFile(directory.at(name), { mostBytes: MAX_MANIFEST_BYTES, shownAs });
  if (stat.ino === listed.ino && stat.dev === listed.dev && stat.size === listed.size) return bytes;
  throw new HoldfastError('SYSTEM', `${quote(shownAs)} was replaced while it was verified`, {
    path: shownAs,
  });
}
