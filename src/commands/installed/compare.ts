/**
 * Compares an installation with the record of a snapshot, file by file: reads those that the record leaves in doubt.
 * Only looks, but for asking the installed lightningd for its version, where nobody but root and the caller could have
 * put it there.
 */

import { join } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import { type Contents, listContents, type SourceFile } from '../../lightning/installation/contents.ts';
import { findInstallation, type Installation } from '../../lightning/installation/installation.ts';
import { programsNamedBy } from '../../lightning/installation/named.ts';
import { unaskedVersion } from '../../lightning/installation/unasked-version.ts';
import { askReference, isSpare } from '../../lightning/installation/versions.ts';
import { isBelow } from '../../linux/files/path.ts';
import { whatOthersMayChange } from '../../linux/files/trust.ts';
import { fileMode } from '../../manifest/entry.ts';
import { type ManifestFile, makeManifest } from '../../manifest/manifest.ts';
import { sha256 } from '../../snapshot/hash/digest.ts';
import { hashFiles } from '../../snapshot/hash/hash.ts';
import type { AlteredFile } from '../../snapshot/record/altered.ts';
import { agrees, identityOf } from '../../snapshot/record/identity.ts';
import { isOfBoot, type SnapshotRecord } from '../../snapshot/record/record.ts';
import { isHeldLibrary } from '../../snapshot/store/layout.ts';

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
  /** files whose owner or mode was changed since they were linked, or given away: see altered.ts */
  readonly altered: readonly AlteredFile[];
  /** how to put them back */
  readonly remedy: readonly string[];
  /** why version or root are not known; null where they are */
  readonly reason: string | null;
}

/** What comes of comparing content. */
export type Compared = Omit<InstalledNow, 'altered' | 'remedy'>;

/** Who compares, and in which boot. */
export interface Viewer {
  readonly uid: number;
  readonly bootId: string;
}

/** The same, and whether what the record names may be asked for its version at all. */
export interface Asker extends Viewer {
  readonly mayAsk: boolean;
  /** what is no part of the installation: the store, the node's data */
  readonly apart: readonly string[];
}

/** What is installed where this snapshot was taken from, by the name that was launched. */
export async function compareInstalled(record: SnapshotRecord, asker: Asker): Promise<Compared> {
  const { named } = record;
  let lightningd = record.lightningd;
  try {
    const installation = findInstallation(named);
    lightningd = join(installation.prefix, installation.lightningd);
    const files = takenBy(record, listContents(installation, asker.apart), lightningd);
    const entries = await entriesOf(files, record, asker.bootId);
    const { root } = makeManifest('unknown', entries, sha256);
    const version =
      root === record.root ? record.version : await versionOf(lightningd, installation, files, asker);
    return { lightningd, version, root, changed: differing(entries, record), reason: null };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return { lightningd, version: null, root: null, changed: [], reason: error.message };
  }
}

/**
 * Without what lightningd can do without and is closed to others: another user's plugin, which the node's user could
 * not read, and we may. What is in the snapshot always counts.
 */
function takenBy(record: SnapshotRecord, { files, directories }: Contents, lightningd: string): SourceFile[] {
  const known = new Set(record.files.map(({ path }) => path));
  const closed = directories.filter(({ stat }) => (stat.mode & 0o005n) !== 0o005n).map(({ path }) => path);
  return files.filter(
    ({ path, source, stat }) =>
      known.has(path) ||
      !isSpare(path, programsNamedBy(lightningd)) ||
      ((stat.mode & 0o004n) !== 0n && !closed.some(directory => isBelow(source, directory))),
  );
}

/** By the images, or by asking where nobody but root and the caller could have a say in what is executed. */
async function versionOf(
  path: string,
  { lightningd }: Installation,
  files: readonly SourceFile[],
  { uid, mayAsk }: Asker,
): Promise<string | null> {
  const version = unaskedVersion(lightningd, files);
  if (version !== undefined || !mayAsk || !isOnlyOurs(path, uid)) return version ?? null;
  return (await askReference('/', path)) ?? null;
}

function isOnlyOurs(path: string, uid: number): boolean {
  try {
    return whatOthersMayChange(path, [uid]) === undefined;
  } catch {
    return false; // it changes just now
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
