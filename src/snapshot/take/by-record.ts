/**
 * Finds the snapshot that is proven to be what is installed now, if the store has it. What is found is locked as live
 * and held open; the others are closed again. Call it with the store's lock held.
 */
import { HoldfastError, quote } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import { directoryIdentity, fileIdentity } from '../store/identity.ts';
import { MANIFEST_NAME, SHA256SUMS_NAME } from '../store/layout.ts';
import type { Method } from '../store/placement.ts';
import type { RecordedFile, SnapshotRecord } from '../store/record.ts';
import { readRecord } from '../store/record.ts';
import type { Found, TakeRequest } from './request.ts';

/** Step 3: the first of the store's snapshots that is proven by its record alone. */
export function findProven(request: TakeRequest, snapshots: readonly string[]): Found | undefined {
  for (const id of snapshots) {
    const directory = request.store.enter(id);
    let found: Found | undefined;
    try {
      const record = readRecord(directory);
      if (record === undefined || (request.gate && record.answers === null)) continue;
      // a lock that is refused: somebody, and none of us, holds it exclusively and is about to remove the snapshot
      if (!isProven(directory, record, request) || !directory.tryLock('shared')) continue;
      found = { directory, id, record };
      return found;
    } finally {
      if (found === undefined) directory.close();
    }
  }
  return undefined;
}

/** @throws HoldfastError `ROOT_MISMATCH` */
export function checkRoot(request: TakeRequest, root: string): void {
  if (request.expectRoot === undefined || request.expectRoot === root) return;
  throw new HoldfastError(
    'ROOT_MISMATCH',
    `the root of ${quote(request.lightningd)} is ${root}, not the expected ${request.expectRoot}`,
    {
      path: request.lightningd,
      hint: 'what is installed is not what was pinned: find out why before you start it',
    },
  );
}

/** What a launch wants to find again. */
export interface Wanted {
  /** lightningd in the installation, or the release archive; absolute, links resolved */
  readonly lightningd: string;
  /** of an archive its identity, '' where that cannot be relied on */
  readonly archiveIs?: string | undefined;
  readonly bootId: string;
  readonly method: Method;
}

/** By the record alone: true only if nothing that it names has changed. @throws HoldfastError `SYSTEM` */
export function isProven(snapshot: Directory, record: SnapshotRecord, wanted: Wanted): boolean {
  return (
    record.bootId !== '' &&
    record.bootId === wanted.bootId &&
    record.lightningd === wanted.lightningd &&
    record.files.length > 0 &&
    record.files.every(file => isPlacedBy(file, wanted.method)) &&
    (record.archiveIs !== undefined || sourceDirectoriesAre(record)) &&
    record.placedDirectories.every(({ path, is }) => is === directoryIdentity(snapshot.at(path))) &&
    record.manifestIs === fileIdentity(snapshot.at(MANIFEST_NAME)) &&
    record.sumsIs === fileIdentity(snapshot.at(SHA256SUMS_NAME)) &&
    (record.archiveIs === undefined ? sourceFilesAre(record) : isSameArchive(record, wanted)) &&
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
function isSameArchive({ archiveIs }: SnapshotRecord, wanted: Wanted): boolean {
  return archiveIs !== '' && archiveIs === wanted.archiveIs;
}

/** Was the file placed by a method that this launch allows? What another process has pinned is never used again. */
export function isPlacedBy(file: { readonly placement: RecordedFile['placement'] }, method: Method): boolean {
  return file.placement !== 'pin' && (method === 'auto' || file.placement === method);
}
