/**
 * What is installed now, against what a snapshot was taken from: by the snapshot's record, and only where that leaves a
 * doubt by reading files (compare-installed.ts). Only looks.
 */
import { lstatSync } from 'node:fs';
import { Directory } from '../linux/directory.ts';
import { isProven } from '../snapshot/prove.ts';
import { identityOf, readRecord, type SnapshotRecord } from '../snapshot/record.ts';

/** The installation as it is now. */
export interface InstalledNow {
  /** lightningd's path */
  readonly lightningd: string;
  /** what it says of its version; null where it does not, or is gone */
  readonly version: string | null;
  /** its root; null where it is not a whole installation just now */
  readonly root: string | null;
  /** paths of entries that are new, gone or changed since the snapshot was taken */
  readonly changed: readonly string[];
  /** why version or root are not known; null where they are */
  readonly reason: string | null;
}

/** A snapshot's record; undefined where it has none, or may not be entered. */
export function recordOf(snapshot: string): SnapshotRecord | undefined {
  let directory: Directory;
  try {
    directory = Directory.open(snapshot);
  } catch {
    return undefined;
  }
  try {
    return readRecord(directory);
  } finally {
    directory.close();
  }
}

/** Compares the snapshot with the installation that it was taken from. */
export async function installedNow(
  snapshot: string,
  record: SnapshotRecord,
  bootId: string,
): Promise<InstalledNow> {
  const { lightningd } = record;
  const directory = Directory.open(snapshot);
  try {
    if (isProven(directory, record, { lightningd, bootId, method: 'auto' })) {
      return { lightningd, version: record.version, root: record.root, changed: [], reason: null };
    }
  } finally {
    directory.close();
  }
  return (await import('./compare-installed.ts')).compareInstalled(record, bootId);
}

/** Paths of a snapshot's files that are no longer what was placed: overwritten in place, through a hard link or not. */
export async function overwrittenIn(snapshot: string, record: SnapshotRecord): Promise<string[]> {
  const doubtful = record.files.flatMap(file => {
    const stat = lstatSync(`${snapshot}/${file.path}`, { bigint: true, throwIfNoEntry: false });
    return stat === undefined || identityOf(stat) !== file.placedIs ? [{ file, stat }] : [];
  });
  if (doubtful.length === 0) return [];
  const { hashFiles } = await import('../snapshot/hash.ts');
  const present = doubtful.flatMap(({ file, stat }) => (stat?.isFile() === true ? [{ file, stat }] : []));
  const hashes = await hashFiles(
    present.map(({ file, stat }) => ({ path: `${snapshot}/${file.path}`, size: Number(stat.size) })),
  );
  const changed = present.filter(({ file }, index) => hashes[index]?.sha256 !== file.sha256);
  const gone = doubtful.filter(({ stat }) => stat?.isFile() !== true);
  return [...changed, ...gone].map(({ file }) => file.path).sort();
}
