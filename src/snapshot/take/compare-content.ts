/**
 * Is a snapshot that is there what is installed now, where its record leaves a doubt? What is in doubt is hashed, here
 * and in the installation. Never writes.
 */

import { HoldfastError } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import { readRegularFile } from '../../linux/read-file.ts';
import { nowNs } from '../../linux/time.ts';
import { fileMode } from '../../manifest/entry.ts';
import { MAX_MANIFEST_BYTES, type Manifest } from '../../manifest/manifest.ts';
import { formatSha256sums } from '../../manifest/sha256sums.ts';
import { hashFiles } from '../hash/hash.ts';
import { settleEvidence } from '../libraries/evidence.ts';
import type { Found as Libraries } from '../libraries/find.ts';
import { readLibraries } from '../libraries/read-libraries.ts';
import { Settling } from '../store/boot.ts';
import {
  agrees,
  directoryIdentity,
  directoryIdentityOf,
  fileIdentity,
  hasFineCtime,
  identityOf,
  isRacy,
} from '../store/identity.ts';
import { LIBRARIES_NAME, MANIFEST_NAME, SHA256SUMS_NAME } from '../store/layout.ts';
import { readManifest } from '../store/read-manifest.ts';
import {
  isOfBoot,
  type RecordedDirectory,
  type RecordedFile,
  type RecordedLibraries,
  type SnapshotRecord,
} from '../store/record.ts';
import { isPlacedBy } from './by-record.ts';
import { entriesOfLibraries, lastingEvidence, linksOf, originOf } from './held-placed.ts';
import { ownersAbove } from './place.ts';
import { isWellKept, listPlaced } from './placed-tree.ts';
import type { ListedDirectory, Listing } from './source.ts';
import type { Terms } from './terms.ts';

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

/** What is wanted of it; `owner` would run from it, so that it must be his or root's. */
type Compared = Pick<Terms, 'owner' | 'bootId' | 'method'>;

/**
 * By hashing: the snapshot has exactly the files that were listed, with the owners and modes that we give them, and each
 * file in doubt has the digest of the manifest, here and in the installation.
 * @returns undefined where anything differs, or changed while we looked
 */
export async function compareContent(
  snapshot: Directory,
  record: SnapshotRecord,
  { files: own, directories }: Pick<Listing, 'files' | 'directories'>,
  held: Libraries | undefined,
  wanted: Compared,
): Promise<Agreement | undefined> {
  const manifest = readOurs(snapshot, MANIFEST_NAME, path => readManifest(path));
  if (manifest === undefined || (held === undefined) !== (record.libraries === undefined)) return undefined;
  const mostBytes = MAX_MANIFEST_BYTES;
  const sums = readOurs(snapshot, SHA256SUMS_NAME, path => readRegularFile(path, { mostBytes }));
  if (sums?.bytes.toString() !== formatSha256sums(manifest.files)) return undefined;
  const libraries =
    held && entriesOfLibraries(snapshot, held, readOurs(snapshot, LIBRARIES_NAME, readLibraries));
  if (held !== undefined && libraries === undefined) return undefined;
  const listed = [...own, ...(held?.libraries ?? [])];
  const entries = new Map([...manifest.files, ...(libraries ?? [])].map(entry => [entry.path, entry]));
  if (entries.size !== listed.length) return undefined;
  const recorded = new Map(record.files.map(file => [file.path, file]));
  const sameBoot = isOfBoot(record, wanted.bootId);
  const settling = new Settling(record, wanted.bootId);
  const owners = ownersAbove(snapshot);

  const placedDirectories = listPlaced(snapshot, entries, linksOf(held), wanted.owner);
  if (placedDirectories === undefined) return undefined;
  const files: (RecordedFile & Seen)[] = [];
  const doubts: Doubt[] = [];
  for (const file of listed) {
    const entry = entries.get(file.path);
    if (entry === undefined || BigInt(entry.size) !== file.stat.size || entry.mode !== fileMode(file.stat))
      return undefined;
    const placed = snapshot.lstat(file.path);
    if (placed === undefined || !placed.isFile() || placed.size !== file.stat.size) return undefined;
    const isLink = placed.ino === file.stat.ino && placed.dev === file.stat.dev;
    const known = recorded.get(file.path);
    const placement = isLink ? 'hardlink' : known === undefined ? 'copy' : known.placement;
    if (!isPlacedBy({ placement }, wanted.method)) return undefined;
    if (!isWellKept(placed, entry, placement, owners, wanted.owner)) return undefined;

    const [sourceNow, placedNow] = [identityOf(file.stat), identityOf(placed)];
    const source = originOf(file);
    const before = known?.source === source ? known.sourceIs : undefined;
    const inDoubt = before === undefined || !agrees(before, sourceNow, sameBoot);
    if (inDoubt) doubts.push({ path: file.source, size: entry.size, sha256: entry.sha256 });
    const sourceIs =
      inDoubt && isRacy(file.stat, nowNs())
        ? ''
        : settling.identity(before, sourceNow, file.stat, file.source);
    let placedIs = sourceIs;
    if (!isLink) {
      const path = snapshot.at(file.path);
      if (known === undefined || !agrees(known.placedIs, placedNow, sameBoot))
        doubts.push({ path, size: entry.size, sha256: entry.sha256 });
      placedIs = settling.identity(known?.placedIs, placedNow, placed, path);
    }
    const { path } = file;
    const readAt = file.source;
    files.push({
      path,
      sha256: entry.sha256,
      placement,
      source,
      sourceIs,
      placedIs,
      readAt,
      sourceNow,
      placedNow,
    });
  }
  // after an upgrade the first file tells already
  if (!(await agree(doubts.slice(0, 1))) || !(await agree(doubts.slice(1)))) return undefined;
  // what was hashed must still be what we looked at
  for (const file of files) {
    if (file.sourceIs !== '' && file.sourceNow !== fileIdentity(file.readAt)) return undefined;
    if (file.placedNow !== fileIdentity(snapshot.at(file.path))) return undefined;
  }
  const settled = (before: string | undefined, name: string) => settledFile(settling, before, snapshot, name);
  const beforeOf = (directories: readonly RecordedDirectory[], path: string) =>
    directories.find(known => known.path === path)?.is;
  return {
    manifest,
    files: files.map(({ readAt: _, sourceNow: __, placedNow: ___, ...file }) => file),
    placedDirectories: placedDirectories.map(({ path, stat }) => {
      const before = beforeOf(record.placedDirectories, path);
      return { path, is: settling.identity(before, directoryIdentityOf(stat), stat, snapshot.at(path)) };
    }),
    directories: recordDirectories(directories, ({ path, stat }) =>
      settling.identity(beforeOf(record.directories, path), directoryIdentityOf(stat), stat, path),
    ),
    manifestIs: settled(record.manifestIs, MANIFEST_NAME),
    sumsIs: settled(record.sumsIs, SHA256SUMS_NAME),
    ...(held && {
      libraries: {
        is: settled(record.libraries?.is, LIBRARIES_NAME),
        ...settleEvidence(settling, record.libraries, lastingEvidence(held.evidence)),
      },
    }),
  };
}

/** The identities that were seen, before and after the hashing. */
interface Seen {
  /** where the source is now */
  readonly readAt: string;
  readonly sourceNow: string;
  readonly placedNow: string;
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

interface Doubt {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
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
