/**
 * Is a snapshot that is there what is installed now, where its record leaves a doubt? What is in doubt is hashed, here
 * and in the installation. Never writes.
 */

import { HoldfastError } from '../../../errors.ts';
import type { Directory } from '../../../linux/files/directory.ts';
import { readRegularFile } from '../../../linux/files/read-file.ts';
import { MAX_MANIFEST_BYTES, type Manifest } from '../../../manifest/manifest.ts';
import { formatSha256sums } from '../../../manifest/sha256sums.ts';
import { hashFiles } from '../../hash/hash.ts';
import { settleEvidence } from '../../libraries/evidence.ts';
import type { Found as Libraries } from '../../libraries/find.ts';
import { readLibraries } from '../../libraries/read-libraries.ts';
import type { Settling } from '../../record/boot.ts';
import { directoryIdentity, directoryIdentityOf, hasFineCtime, identityOf } from '../../record/identity.ts';
import type {
  RecordedDirectory,
  RecordedFile,
  RecordedLibraries,
  SnapshotRecord,
} from '../../record/record.ts';
import { LIBRARIES_NAME, MANIFEST_NAME, SHA256SUMS_NAME } from '../../store/layout.ts';
import { readManifest } from '../../store/read-manifest.ts';
import type { ListedDirectory, Listing } from '../source.ts';
import { type Doubt, FileComparison, type LookedAt, type Wanted } from './compare-file.ts';
import { entriesOfLibraries, lastingEvidence, linksOf, originOf } from './held-placed.ts';
import { listPlaced } from './placed-tree.ts';

/** What a snapshot's record may say anew after its doubts were hashed away. */
export interface Agreement {
  readonly manifest: Manifest;
  readonly files: readonly RecordedFile[];
  readonly placedDirectories: readonly RecordedDirectory[];
  readonly directories: readonly RecordedDirectory[];
  readonly manifestIs: string;
  readonly sumsIs: string;
  /** undefined where none are held */
  readonly libraries?: RecordedLibraries;
}

/**
 * By hashing: the snapshot has exactly the files that were listed, with the owners and modes that we give them, and each
 * file in doubt has the digest of the manifest, here and in the installation.
 * @returns undefined where anything differs, or changed while we looked
 */
export async function compareContent(
  snapshot: Directory,
  record: SnapshotRecord,
  listing: Pick<Listing, 'files' | 'directories'>,
  held: Libraries | undefined,
  wanted: Wanted,
): Promise<Agreement | undefined> {
  const manifest = readOurs(snapshot, MANIFEST_NAME, path => readManifest(path));
  if (manifest === undefined || (held === undefined) !== (record.libraries === undefined)) return undefined;
  const mostBytes = MAX_MANIFEST_BYTES;
  const sums = readOurs(snapshot, SHA256SUMS_NAME, path => readRegularFile(path, { mostBytes }));
  if (sums?.bytes.toString() !== formatSha256sums(manifest.files)) return undefined;
  const libraries =
    held && entriesOfLibraries(snapshot, held, readOurs(snapshot, LIBRARIES_NAME, readLibraries));
  if (held !== undefined && libraries === undefined) return undefined;
  const listed = [...listing.files, ...(held?.libraries ?? [])];
  const entries = new Map([...manifest.files, ...(libraries ?? [])].map(entry => [entry.path, entry]));
  if (entries.size !== listed.length) return undefined;
  const placedDirectories = listPlaced(snapshot, entries, linksOf(held), wanted.owner);
  if (placedDirectories === undefined) return undefined;
  const comparison = new FileComparison(snapshot, record, wanted);
  const looked: LookedAt[] = [];
  for (const file of listed) {
    const entry = entries.get(file.path);
    const look = entry && comparison.look(file, entry);
    if (look === undefined) return undefined;
    looked.push(look);
  }
  const doubts = looked.flatMap(look => look.doubts);
  // after an upgrade the first file differs: no need to read the others
  if (!(await agree(doubts.slice(0, 1))) || !(await agree(doubts.slice(1)))) return undefined;
  // what was hashed must still be what we looked at
  if (!looked.every(look => look.isStill())) return undefined;
  const { settling } = comparison;
  return {
    manifest,
    files: looked.map(({ file }) => ({ ...file, source: originOf(file) })),
    placedDirectories: placedDirectories.map(({ path, stat }) => {
      const before = identityIn(record.placedDirectories, path);
      return { path, is: settling.identity(before, directoryIdentityOf(stat), stat, snapshot.at(path)) };
    }),
    directories: recordDirectories(listing.directories, ({ path, stat }) =>
      settling.identity(identityIn(record.directories, path), directoryIdentityOf(stat), stat, path),
    ),
    manifestIs: settledFile(settling, record.manifestIs, snapshot, MANIFEST_NAME),
    sumsIs: settledFile(settling, record.sumsIs, snapshot, SHA256SUMS_NAME),
    ...(held && {
      libraries: {
        is: settledFile(settling, record.libraries?.is, snapshot, LIBRARIES_NAME),
        ...settleEvidence(settling, record.libraries, lastingEvidence(held.evidence)),
      },
    }),
  };
}

function identityIn(directories: readonly RecordedDirectory[], path: string): string | undefined {
  return directories.find(known => known.path === path)?.is;
}

/** A file of ours that was read just now. */
function settledFile(
  settling: Settling,
  before: string | undefined,
  snapshot: Directory,
  name: string,
): string {
  const stat = snapshot.lstat(name);
  if (stat?.isFile() !== true) return '';
  return settling.identity(before, identityOf(stat), stat, snapshot.at(name));
}

/**
 * The identities to record of the installation's directories. Where the ctime is of whole seconds, another change in the
 * same second would not show: there they stay in doubt, and are listed by each launch.
 */
export function recordDirectories(
  listed: readonly ListedDirectory[],
  identity: (directory: ListedDirectory) => string = ({ stat }) => directoryIdentityOf(stat),
): RecordedDirectory[] {
  return listed.map(directory => ({
    path: directory.path,
    is: hasFineCtime(directory.stat) ? identity(directory) : '',
  }));
}

/** Do these files have the digests that they should have? */
async function agree(doubts: readonly Doubt[]): Promise<boolean> {
  const results = await hashFiles(doubts.map(({ path, size }) => ({ path, size })));
  return doubts.every(({ sha256 }, index) => results[index]?.sha256 === sha256);
}

/** Have the installation's directories changed since they were listed? */
export function directoriesMoved(directories: readonly ListedDirectory[]): boolean {
  return directories.some(({ path, stat }) => directoryIdentity(path) !== directoryIdentityOf(stat));
}

/** A file of ours in a snapshot; undefined where it is damaged, or not kept as we keep it: the snapshot is built anew then. */
function readOurs<T>(snapshot: Directory, name: string, read: (path: string) => T): T | undefined {
  try {
    const stat = snapshot.lstat(name);
    return stat?.isFile() === true && (stat.mode & 0o7777n) === 0o644n ? read(snapshot.at(name)) : undefined;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    if (error.code === 'MANIFEST_INVALID' || error.code === 'UNREADABLE') return undefined;
    if (['ENOENT', 'EACCES', 'ELOOP'].includes(error.errno ?? '')) return undefined;
    throw error;
  }
}
