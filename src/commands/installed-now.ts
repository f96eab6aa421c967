/**
 * What is installed now, against what a snapshot was taken from. Reads only what the snapshot's record leaves in doubt.
 * Only looks, but for asking the installed lightningd for its version.
 */
import { lstatSync } from 'node:fs';
import { HoldfastError } from '../errors.ts';
import { listContents, type SourceFile } from '../lightning/contents.ts';
import { findInstallation } from '../lightning/installation.ts';
import { askReference } from '../lightning/versions.ts';
import { Directory } from '../linux/directory.ts';
import { type ManifestFile, makeManifest } from '../manifest/manifest.ts';
import { sha256 } from '../snapshot/digest.ts';
import { hashFiles } from '../snapshot/hash.ts';
import { isProven } from '../snapshot/prove.ts';
import { identityOf, readRecord, type SnapshotRecord } from '../snapshot/record.ts';
import { fileMode } from '../snapshot/stage.ts';

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
  try {
    const { files } = listContents(findInstallation(lightningd));
    const entries = await entriesOf(files, record, bootId);
    const { root } = makeManifest('unknown', entries, sha256);
    const version = root === record.root ? record.version : ((await askReference('/', lightningd)) ?? null);
    return { lightningd, version, root, changed: differing(entries, record), reason: null };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return { lightningd, version: null, root: null, changed: [], reason: error.message };
  }
}

/** Paths of a snapshot's files that are no longer what was placed: overwritten in place, through a hard link or not. */
export async function overwrittenIn(snapshot: string, record: SnapshotRecord): Promise<string[]> {
  const doubtful = record.files.flatMap(file => {
    const stat = lstatSync(`${snapshot}/${file.path}`, { bigint: true, throwIfNoEntry: false });
    return stat === undefined || identityOf(stat) !== file.placedIs ? [{ file, stat }] : [];
  });
  const present = doubtful.flatMap(({ file, stat }) => (stat?.isFile() === true ? [{ file, stat }] : []));
  const hashes = await hashFiles(
    present.map(({ file, stat }) => ({ path: `${snapshot}/${file.path}`, size: Number(stat.size) })),
  );
  const changed = present.filter(({ file }, index) => hashes[index]?.sha256 !== file.sha256);
  const gone = doubtful.filter(({ stat }) => stat?.isFile() !== true);
  return [...changed, ...gone].map(({ file }) => file.path).sort();
}

async function entriesOf(
  files: readonly SourceFile[],
  record: SnapshotRecord,
  bootId: string,
): Promise<ManifestFile[]> {
  const known = new Map(
    record.bootId === bootId ? record.files.map(file => [`${file.source} ${file.sourceIs}`, file]) : [],
  );
  const digests = files.map(({ source, stat }) => known.get(`${source} ${identityOf(stat)}`)?.sha256);
  const unknown = files.filter((_, index) => digests[index] === undefined);
  const hashed = await hashFiles(
    unknown.map(({ source, stat }) => ({ path: source, size: Number(stat.size) })),
  );
  const results = new Map(unknown.map(({ path }, index) => [path, hashed[index]?.sha256]));
  return files.map(({ path, stat }, index) => ({
    path,
    mode: fileMode(stat),
    size: Number(stat.size),
    sha256: digests[index] ?? results.get(path) ?? '',
  }));
}

function differing(entries: readonly ManifestFile[], record: SnapshotRecord): string[] {
  const before = new Map(record.files.map(({ path, sha256: digest }) => [path, digest]));
  const now = new Map(entries.map(({ path, sha256: digest }) => [path, digest]));
  const paths = new Set([...before.keys(), ...now.keys()]);
  return [...paths].filter(path => before.get(path) !== now.get(path)).sort();
}
