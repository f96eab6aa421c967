/**
 * Is a snapshot that is there what is installed now, where its record leaves a doubt? What is in doubt is hashed, here
 * and in the installation. Never writes.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { errnoOf, HoldfastError, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import { nowNs } from '../../linux/time.ts';
import { fileMode } from '../../manifest/entry.ts';
import { type Manifest, parseManifest } from '../../manifest/manifest.ts';
import { formatSha256sums } from '../../manifest/sha256sums.ts';
import { sha256 } from '../hash/digest.ts';
import { hashFiles } from '../hash/hash.ts';
import {
  directoryIdentity,
  directoryIdentityOf,
  fileIdentity,
  identityOf,
  isRacy,
} from '../store/identity.ts';
import { MANIFEST_NAME, OUR_FILES, PYCACHE_NAME, SHA256SUMS_NAME } from '../store/layout.ts';
import type { RecordedDirectory, RecordedFile, SnapshotRecord } from '../store/record.ts';
import { isPlacedBy, type Wanted } from './by-record.ts';
import type { ListedDirectory, ListedFile } from './source.ts';

/** What a snapshot's record may say anew after its doubts were hashed away. */
export interface Agreement {
  readonly manifest: Manifest;
  readonly files: readonly RecordedFile[];
  readonly placedDirectories: readonly RecordedDirectory[];
}

/**
 * By hashing: the snapshot has exactly the files that were listed, and each file in doubt has the digest of the
 * manifest, here and in the installation.
 * @returns undefined where anything differs, or changed while we looked
 */
export async function compareContent(
  snapshot: Directory,
  record: SnapshotRecord,
  listed: readonly ListedFile[],
  wanted: Wanted,
): Promise<Agreement | undefined> {
  const manifest = readManifest(snapshot);
  if (manifest === undefined || manifest.files.length !== listed.length) return undefined;
  if (readOurs(snapshot, SHA256SUMS_NAME)?.toString() !== formatSha256sums(manifest.files)) return undefined;
  const entries = new Map(manifest.files.map(entry => [entry.path, entry]));
  const recorded = new Map(
    record.bootId === wanted.bootId ? record.files.map(file => [file.path, file]) : [],
  );
  const placements = new Map(record.files.map(file => [file.path, file.placement]));

  const placedDirectories = listPlaced(snapshot, entries);
  if (placedDirectories === undefined) return undefined;
  const files: RecordedFile[] = [];
  const doubts: Doubt[] = [];
  for (const file of listed) {
    const entry = entries.get(file.path);
    if (entry === undefined || BigInt(entry.size) !== file.stat.size || entry.mode !== fileMode(file.stat))
      return undefined;
    const placed = snapshot.lstat(file.path);
    if (placed === undefined || !placed.isFile() || placed.size !== file.stat.size) return undefined;
    const isLink = placed.ino === file.stat.ino && placed.dev === file.stat.dev;
    const placement = isLink ? 'hardlink' : (placements.get(file.path) ?? 'copy');
    if (!isPlacedBy({ placement }, wanted.method)) return undefined;

    const known = recorded.get(file.path);
    let sourceIs = identityOf(file.stat);
    const placedIs = identityOf(placed);
    if (known?.source !== file.source || known.sourceIs !== sourceIs) {
      doubts.push({ path: file.source, size: entry.size, sha256: entry.sha256 });
      if (isRacy(file.stat, nowNs())) sourceIs = '';
    }
    if (!isLink && known?.placedIs !== placedIs) {
      doubts.push({ path: snapshot.at(file.path), size: entry.size, sha256: entry.sha256 });
    }
    files.push({ path: file.path, sha256: entry.sha256, placement, source: file.source, sourceIs, placedIs });
  }
  // after an upgrade the first file tells already
  if (!(await agree(doubts.slice(0, 1))) || !(await agree(doubts.slice(1)))) return undefined;
  // what was hashed must still be what we looked at
  for (const file of files) {
    if (file.sourceIs !== '' && file.sourceIs !== fileIdentity(file.source)) return undefined;
    if (file.placedIs !== fileIdentity(snapshot.at(file.path))) return undefined;
  }
  return { manifest, files, placedDirectories };
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

/** The identities to record of the directories below the top of a snapshot. */
export function placedDirectoriesOf(snapshot: Directory, paths: Iterable<string>): RecordedDirectory[] {
  const directories = new Set<string>();
  for (const path of paths) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
      directories.add(path.slice(0, end));
  }
  return [...directories].sort().map(path => ({ path, is: directoryIdentity(snapshot.at(path)) ?? '' }));
}

/** Have the installation's directories changed since they were listed? */
export function directoriesMoved(directories: readonly ListedDirectory[]): boolean {
  return directories.some(({ path, stat }) => directoryIdentity(path) !== directoryIdentityOf(stat));
}

/** The directories below the snapshot's top if it holds the entries and nothing else; `__pycache__` is no matter. */
function listPlaced(
  snapshot: Directory,
  entries: ReadonlyMap<string, unknown>,
): RecordedDirectory[] | undefined {
  const before = placedDirectoriesOf(snapshot, entries.keys());
  const known = new Set(before.map(({ path }) => path));
  for (const directory of ['', ...known]) {
    for (const entry of readdirSync(directory === '' ? snapshot.at() : snapshot.at(directory), {
      withFileTypes: true,
    })) {
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
      const isOurs = directory === '' && OUR_FILES.has(entry.name);
      if (!isOurs && !entries.has(path) && !known.has(path) && entry.name !== PYCACHE_NAME) return undefined;
    }
  }
  return before;
}

function readManifest(snapshot: Directory): Manifest | undefined {
  const bytes = readOurs(snapshot, MANIFEST_NAME);
  try {
    return bytes === undefined ? undefined : parseManifest(bytes, sha256);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'MANIFEST_INVALID') return undefined;
    throw error;
  }
}

/** A file of ours in a snapshot; undefined where it is damaged: the snapshot is built anew then. */
function readOurs(snapshot: Directory, name: string): Buffer | undefined {
  if (snapshot.lstat(name)?.isFile() !== true) return undefined; // a FIFO would make us wait
  try {
    return readFileSync(snapshot.at(name));
  } catch (error) {
    if (['ENOENT', 'EACCES'].includes(errnoOf(error) ?? '')) return undefined;
    throw systemError('read', snapshot.show(name), error);
  }
}
