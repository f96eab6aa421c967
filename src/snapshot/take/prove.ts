/**
 * Is a snapshot that is there what is installed now? By its record alone: one stat for each file and directory. Never
 * believes a file that could have changed; never writes, and loads nothing that a launch of a proven snapshot can do
 * without.
 */
import { type BigIntStats, lstatSync } from 'node:fs';
import type { Directory } from '../../linux/directory.ts';
import { MANIFEST_NAME, SHA256SUMS_NAME } from '../store/layout.ts';
import type { Method } from '../store/placement.ts';
import { directoryIdentityOf, identityOf, type RecordedFile, type SnapshotRecord } from '../store/record.ts';

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

/** The identity of a directory to compare with a record; undefined where there is none. */
export function directoryIdentity(path: string): string | undefined {
  const stat = lookAt(path);
  return stat?.isDirectory() === true ? directoryIdentityOf(stat) : undefined;
}

/** The identity of a file to compare with a record; undefined where there is none. */
export function fileIdentity(path: string): string | undefined {
  const stat = lookAt(path);
  return stat?.isFile() === true ? identityOf(stat) : undefined;
}

/** Undefined where it cannot be looked at: that proves nothing, and the build that follows says why. */
function lookAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
