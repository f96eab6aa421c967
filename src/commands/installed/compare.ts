/**
 * Compares an installation with the record of a snapshot, file by file: reads those that the record leaves in doubt.
 * Only looks, but for asking the installed lightningd for its version.
 */

import { HoldfastError } from '../../errors.ts';
import { listContents, type SourceFile } from '../../lightning/installation/contents.ts';
import { findInstallation } from '../../lightning/installation/installation.ts';
import { askReference } from '../../lightning/installation/versions.ts';
import { fileMode } from '../../manifest/entry.ts';
import { type ManifestFile, makeManifest } from '../../manifest/manifest.ts';
import { sha256 } from '../../snapshot/hash/digest.ts';
import { hashFiles } from '../../snapshot/hash/hash.ts';
import { agrees, identityOf } from '../../snapshot/store/identity.ts';
import { isHeldLibrary } from '../../snapshot/store/layout.ts';
import { isOfBoot, type SnapshotRecord } from '../../snapshot/store/record.ts';

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

/** What is installed where this snapshot was taken from. @param apart what is no part of it: the store, the node's data */
export async function compareInstalled(
  record: SnapshotRecord,
  bootId: string,
  apart: readonly string[],
): Promise<InstalledNow> {
  const { lightningd } = record;
  try {
    const { files } = listContents(findInstallation(lightningd), apart);
    const entries = await entriesOf(files, record, bootId);
    const { root } = makeManifest('unknown', entries, sha256);
    const version = root === record.root ? record.version : ((await askReference('/', lightningd)) ?? null);
    return { lightningd, version, root, changed: differing(entries, record), reason: null };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return { lightningd, version: null, root: null, changed: [], reason: error.message };
  }
}

async function entriesOf(
  files: readonly SourceFile[],
  record: SnapshotRecord,
  bootId: string,
): Promise<ManifestFile[]> {
  const known = new Map(record.files.map(file => [file.source, file]));
  const sameBoot = isOfBoot(record, bootId);
  const digests = files.map(({ source, stat }) => {
    const file = known.get(source);
    return file !== undefined && agrees(file.sourceIs, identityOf(stat), sameBoot) ? file.sha256 : undefined;
  });
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
  const before = new Map(
    record.files.filter(({ path }) => !isHeldLibrary(path)).map(({ path, sha256: digest }) => [path, digest]),
  );
  const now = new Map(entries.map(({ path, sha256: digest }) => [path, digest]));
  const paths = new Set([...before.keys(), ...now.keys()]);
  return [...paths].filter(path => before.get(path) !== now.get(path)).sort();
}
