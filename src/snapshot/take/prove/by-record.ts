/**
 * Finds the snapshot that is proven to be what is installed now, if the store has it. What is found is locked as live
 * and held open; the others are closed again. Call it with the store's lock held.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { errnoOf } from '../../../errors.ts';
import type { Directory } from '../../../linux/files/directory.ts';
import { isStillSo } from '../../libraries/evidence.ts';
import { agrees, directoryIdentity, fileIdentity } from '../../record/identity.ts';
import { type Method, placementsBy } from '../../record/placement.ts';
import {
  isOfBoot,
  isRecordOf,
  type RecordedFile,
  type RecordedLink,
  readRecord,
  type SnapshotRecord,
} from '../../record/record.ts';
import {
  isHeldLibrary,
  isOfRoot,
  LIBRARIES_NAME,
  MANIFEST_NAME,
  RECORD_NAME,
  SHA256SUMS_NAME,
} from '../../store/layout.ts';
import type { Source } from '../source.ts';
import type { Found, Terms } from '../terms.ts';

/** What a launch wants to find again. */
export type Wanted = Pick<Terms, 'owner' | 'bootId' | 'method' | 'gate' | 'libraries' | 'libraryPath'>;

/** The first of these snapshots that is proven by its record alone. @throws HoldfastError `SYSTEM` */
export function findProven(
  store: Directory,
  snapshots: readonly string[],
  source: Pick<Source, 'path' | 'identity'>,
  wanted: Wanted,
): Found | undefined {
  for (const id of snapshots) {
    const directory = enterOrPass(store, id);
    if (directory === undefined) continue;
    let found: Found | undefined;
    try {
      const record = readRecord(directory);
      if (record === undefined || (wanted.gate && record.answers === null)) continue;
      if (!isOurs(directory, id, record, wanted.owner)) continue;
      // a lock that is refused: somebody, and none of us, holds it exclusively and is about to remove the snapshot
      if (!isProven(directory, record, source, wanted) || !directory.tryLock('shared')) continue;
      found = { directory, id, record };
      return found;
    } finally {
      if (found === undefined) directory.close();
    }
  }
  return undefined;
}

/** Enters a snapshot; undefined where it is closed to us, or gone: it proves nothing. @throws HoldfastError `SYSTEM` */
export function enterOrPass(store: Directory, id: string): Directory | undefined {
  let directory: Directory | undefined;
  try {
    directory = store.enter(id);
    directory.lstat(RECORD_NAME);
    return directory;
  } catch (error) {
    directory?.close();
    if (['EACCES', 'ENOENT'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

/**
 * May this user believe the record, and run what it speaks of? Not where another user wrote it, or may change what is in
 * the snapshot: what it proves could be another thing a moment later.
 */
export function isOurs(directory: Directory, id: string, record: SnapshotRecord, user: bigint): boolean {
  const top = directory.stat();
  return (
    (top.mode & 0o7777n) === 0o755n &&
    (top.uid === user || top.uid === 0n) &&
    isOfRoot(id, record.root) &&
    isRecordOf(directory, user)
  );
}

/** By the record alone: true only if nothing that it names has changed. @throws HoldfastError `SYSTEM` */
export function isProven(
  snapshot: Directory,
  record: SnapshotRecord,
  source: Pick<Source, 'path' | 'identity'>,
  wanted: Pick<Wanted, 'bootId' | 'method'> & Partial<Wanted>,
): boolean {
  const sameBoot = isOfBoot(record, wanted.bootId);
  const isFile = (path: string, is: string) => agrees(is, fileIdentity(path), sameBoot);
  const isDirectory = (path: string, is: string) => agrees(is, directoryIdentity(path), sameBoot);
  return (
    record.lightningd === source.path &&
    record.files.length > 0 &&
    record.files.every(file => isPlacedBy(file, wanted.method)) &&
    librariesAre(record, wanted, sameBoot) &&
    // an archive that was not written to unpacks to what it did before: its one identity stands for all sources
    (record.archiveIs === undefined
      ? record.directories.every(({ path, is }) => isDirectory(path, is)) && record.links.every(leadsAsBefore)
      : agrees(record.archiveIs, source.identity, sameBoot)) &&
    record.placedDirectories.every(({ path, is }) => isDirectory(snapshot.at(path), is)) &&
    isFile(snapshot.at(MANIFEST_NAME), record.manifestIs) &&
    isSaidByManifest(snapshot, record) &&
    isFile(snapshot.at(SHA256SUMS_NAME), record.sumsIs) &&
    (record.libraries === undefined || isFile(snapshot.at(LIBRARIES_NAME), record.libraries.is)) &&
    record.files.every(file => isGone(file, record) || isFile(file.source, file.sourceIs)) &&
    record.files.every(file => isFile(snapshot.at(file.path), file.placedIs))
  );
}

/**
 * Does the manifest begin with the same root and version? Nothing else would tell that a bit of the record has turned in them.
 * @see formatManifest
 */
function isSaidByManifest(snapshot: Directory, { root, version }: SnapshotRecord): boolean {
  try {
    const [, , rootLine, versionLine] = readFileSync(snapshot.at(MANIFEST_NAME), 'utf8').split('\n', 4);
    return rootLine === `  "root": "${root}",` && versionLine === `  "version": ${JSON.stringify(version)},`;
  } catch {
    return false; // gone, or closed to us
  }
}

/** What came out of an archive is gone with what that was unpacked to; libraries come from the system all the same. */
function isGone({ path, source }: RecordedFile, { archiveIs }: SnapshotRecord): boolean {
  return archiveIs !== undefined && !(isHeldLibrary(path) && source.startsWith('/'));
}

/** Libraries held or left as wanted, and where the loader found them nothing has moved. */
function librariesAre(
  { libraries }: SnapshotRecord,
  { libraries: wanted, libraryPath }: Partial<Wanted>,
  sameBoot: boolean,
): boolean {
  if (wanted === undefined) return true; // asked of the programs alone
  if (libraries === undefined) return wanted === 'leave';
  return wanted === 'hold' && isStillSo(libraries, libraryPath, sameBoot);
}

/** Does the symbolic link still lead where it did? */
function leadsAsBefore({ path, to }: RecordedLink): boolean {
  try {
    return readlinkSync(path) === to;
  } catch {
    return false; // gone, no link any more, or closed to us: the build that follows says why
  }
}

/** Was the file placed as this launch allows? What another process has pinned is never used again. */
export function isPlacedBy(
  { path, placement }: Pick<RecordedFile, 'path' | 'placement'>,
  method: Method,
): boolean {
  return placement !== 'pin' && placementsBy(method, isHeldLibrary(path)).includes(placement);
}
