/**
 * Finds the snapshot that is proven to be what is installed now, if the store has it. What is found is locked as live
 * and held open; the others are closed again. Call it with the store's lock held.
 */
import type { Directory } from '../../linux/directory.ts';
import { directoryIdentity, fileIdentity } from '../store/identity.ts';
import { MANIFEST_NAME, SHA256SUMS_NAME } from '../store/layout.ts';
import type { Method } from '../store/placement.ts';
import { type RecordedFile, readRecord, type SnapshotRecord } from '../store/record.ts';
import type { Source } from './source.ts';
import type { Found, Terms } from './terms.ts';

/** What a launch wants to find again. */
export type Wanted = Pick<Terms, 'bootId' | 'method' | 'gate'>;

/** The first of these snapshots that is proven by its record alone. @throws HoldfastError `SYSTEM` */
export function findProven(
  store: Directory,
  snapshots: readonly string[],
  source: Pick<Source, 'path' | 'identity'>,
  wanted: Wanted,
): Found | undefined {
  for (const id of snapshots) {
    const directory = store.enter(id);
    let found: Found | undefined;
    try {
      const record = readRecord(directory);
      if (record === undefined || (wanted.gate && record.answers === null)) continue;
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

/** By the record alone: true only if nothing that it names has changed. @throws HoldfastError `SYSTEM` */
export function isProven(
  snapshot: Directory,
  record: SnapshotRecord,
  source: Pick<Source, 'path' | 'identity'>,
  wanted: Pick<Wanted, 'bootId' | 'method'>,
): boolean {
  return (
    record.bootId !== '' &&
    record.bootId === wanted.bootId &&
    record.lightningd === source.path &&
    record.files.length > 0 &&
    record.files.every(file => isPlacedBy(file, wanted.method)) &&
    (record.archiveIs !== undefined || sourceDirectoriesAre(record)) &&
    record.placedDirectories.every(({ path, is }) => is === directoryIdentity(snapshot.at(path))) &&
    record.manifestIs === fileIdentity(snapshot.at(MANIFEST_NAME)) &&
    record.sumsIs === fileIdentity(snapshot.at(SHA256SUMS_NAME)) &&
    (record.archiveIs === undefined ? sourceFilesAre(record) : isSameArchive(record, source)) &&
    record.files.every(file => file.placedIs === fileIdentity(snapshot.at(file.path)))
  );
}

function sourceDirectoriesAre({ directories }: SnapshotRecord): boolean {
  return directories.every(({ path, is }) => is === directoryIdentity(path));
}

function sourceFilesAre({ files }: SnapshotRecord): boolean {
  return files.every(file => file.sourceIs === fileIdentity(file.source));
}

/** An archive that was not written to unpacks to what it did before: its one identity stands for all source files. */
function isSameArchive({ archiveIs }: SnapshotRecord, { identity }: Pick<Source, 'identity'>): boolean {
  return archiveIs !== '' && archiveIs === identity;
}

/** Was the file placed by a method that this launch allows? What another process has pinned is never used again. */
export function isPlacedBy(file: { readonly placement: RecordedFile['placement'] }, method: Method): boolean {
  return file.placement !== 'pin' && (method === 'auto' || file.placement === method);
}
