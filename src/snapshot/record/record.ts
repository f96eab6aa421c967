/**
 * `.record.json`: the cache that proves without hashing that a snapshot is what is installed now. One record, one
 * rule: for each file the identity of source and placed file, for each directory its own, for each symbolic link on the
 * way where it leads. All as they were, nothing was changed. Whatever is in doubt is hashed or listed; a record that
 * cannot be read, or is another user's, proves nothing. It is no entry of the manifest.
 *
 * Each line of it is a statement that stays true: "in the boot `bootId` this identity had this content", or of a settled
 * one "this identity has this content". So a record that a power cut throws back to an older one lies about nothing.
 *
 * Why an identity proves content, and what does not move it: identity.ts. Across boots: boot.ts.
 */
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { errnoOf, HoldfastError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { readRegularFile } from '../../linux/files/read-file.ts';
import { kernelClockMs } from '../../linux/proc/boot-id.ts';
import { RECORD_NAME } from '../store/layout.ts';
import { isPlacement, type Placement } from './placement.ts';

const FORMAT = 'holdfast-record/2';

/** Above this it is none of ours: 100,000 files fit. */
const MAX_RECORD_BYTES = 128 * 1024 * 1024;

/** What a program said of its version when the gate asked: kept so that what is proven is not asked again. */
export interface RecordedAnswer {
  readonly path: string;
  readonly says: string | undefined;
}

/** A file of the record. */
export interface RecordedFile {
  /** its entry in the manifest */
  readonly path: string;
  readonly sha256: string;
  readonly placement: Placement;
  /** the absolute path it was taken from */
  readonly source: string;
  /** identities, see identity.ts; '' where none can be relied on. Of a pinned file both are the pinned one's */
  readonly sourceIs: string;
  readonly placedIs: string;
}

/** A directory, whose identity tells that names in it came or went. */
export interface RecordedDirectory {
  readonly path: string;
  readonly is: string;
}

/** A symbolic link on the way to or within the installation. */
export interface RecordedLink {
  /** absolute, and no component above the last is a link */
  readonly path: string;
  /** as readlink(2) gives it */
  readonly to: string;
}

/** What the answer of the loader rested on: as long as it is so, the same libraries would be found again. */
export interface LibraryEvidence {
  /** the caller's LD_LIBRARY_PATH; '' for none */
  readonly libraryPath: string;
  /** the identity of the loader's cache, ldconfig(8); '' where there is none */
  readonly cacheIs: string;
  /** the symbolic links on the way to the libraries */
  readonly links: readonly RecordedLink[];
  /** the directories that LD_LIBRARY_PATH, DT_RPATH and DT_RUNPATH name; '' for one that is not there */
  readonly directories: readonly RecordedDirectory[];
}

/** Held libraries: the files themselves are among those of the record. */
export interface RecordedLibraries extends LibraryEvidence {
  /** libraries.json */
  readonly is: string;
}

export interface SnapshotRecord {
  readonly format: typeof FORMAT;
  /** see readBootId; '' where it cannot be read: then only what is settled is believed */
  readonly bootId: string;
  /** when it was made, see kernelClockMs; null where that is not known */
  readonly upMs: number | null;
  readonly root: string;
  readonly version: string;
  /** lightningd in the installation, or the release archive; absolute, links resolved */
  readonly lightningd: string;
  /** the path by which it was found, before links were resolved */
  readonly named: string;
  /** those on the way from `named`, and within the installation */
  readonly links: readonly RecordedLink[];
  /** of an archive its identity; what it was unpacked to is gone, so the sources below are not looked at */
  readonly archiveIs?: string;
  /** lightningd's path in the snapshot */
  readonly program: string;
  /** of a snapshot with pinned files (pin.ts) the process that holds them, and its start after boot in clock ticks */
  readonly pinnedBy?: { readonly pid: number; readonly startTicks: string };
  readonly directories: readonly RecordedDirectory[];
  /** the directories of the snapshot below its top, by their paths in it */
  readonly placedDirectories: readonly RecordedDirectory[];
  /** manifest.json and SHA256SUMS */
  readonly manifestIs: string;
  readonly sumsIs: string;
  /** the entries of the manifest, and held libraries */
  readonly files: readonly RecordedFile[];
  /** undefined where libraries are left to the system */
  readonly libraries?: RecordedLibraries;
  /** what the programs said when the gate passed; null where it was told not to ask */
  readonly answers: readonly RecordedAnswer[] | null;
}

/** Makes a record: what it says of identities that are not settled, it says of this boot, now. */
export function makeRecord(facts: Omit<SnapshotRecord, 'format' | 'upMs'>): SnapshotRecord {
  return { ...facts, format: FORMAT, upMs: kernelClockMs() ?? null };
}

/** Was the record made in this boot? */
export function isOfBoot(record: Pick<SnapshotRecord, 'bootId'>, bootId: string): boolean {
  return record.bootId !== '' && record.bootId === bootId;
}

/** May a launch of this user believe the record? Only what he or root wrote, and nobody else can. */
export function isRecordOf(snapshot: Directory, user: bigint): boolean {
  const stat = snapshot.lstat(RECORD_NAME);
  return stat !== undefined && (stat.uid === user || stat.uid === 0n) && (stat.mode & 0o022n) === 0n;
}

/**
 * Writes the record; an old one is replaced by rename, so that a reader never sees half of one. It only saves the next
 * launch time: one that cannot be written (a full disk) is said in `warnings`, and is no reason not to start.
 */
export function writeRecord(snapshot: Directory, record: SnapshotRecord, warnings: string[]): void {
  const temporary = `${RECORD_NAME}.new`;
  try {
    snapshot.attempt('remove', temporary, path => rmSync(path, { force: true })); // what a crash left
    snapshot.attempt('write', temporary, path => {
      writeFileSync(path, JSON.stringify(record), { mode: 0o644, flag: 'wx' });
      chmodSync(path, 0o644); // whatever the umask
    });
    snapshot.attempt('write', RECORD_NAME, path => renameSync(snapshot.at(temporary), path));
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    warnings.push(`${error.message}; the next launch has to read every file again`);
    removeHalf(snapshot.at(temporary));
  }
}

/** On a full disk half of it is there, which is no file of a snapshot. */
function removeHalf(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // immutable, or a directory: that is why it could not be written, and was said
  }
}

/** The record of a snapshot, or undefined where there is none that we could have written. */
export function readRecord(snapshot: Directory): SnapshotRecord | undefined {
  let bytes: Buffer;
  try {
    const options = { mostBytes: MAX_RECORD_BYTES, shownAs: snapshot.show(RECORD_NAME) };
    ({ bytes } = readRegularFile(snapshot.at(RECORD_NAME), options));
  } catch (error) {
    const isNone = error instanceof HoldfastError && error.code === 'UNREADABLE';
    if (isNone || ['EACCES', 'ENOENT', 'ELOOP', 'ENXIO'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined; // cut short or damaged: it proves nothing
  }
}

function isRecord(value: unknown): value is SnapshotRecord {
  const record = value as SnapshotRecord;
  return (
    isObject(value) &&
    record.format === FORMAT &&
    [record.bootId, record.root, record.version, record.lightningd, record.named, record.program].every(
      isString,
    ) &&
    (record.upMs === null || Number.isFinite(record.upMs)) &&
    isString(record.manifestIs) &&
    isString(record.sumsIs) &&
    /^[0-9a-f]{64}$/.test(record.root) &&
    (record.archiveIs === undefined || isString(record.archiveIs)) &&
    isArrayOf(record.directories, d => isString(d.path) && isString(d.is)) &&
    isArrayOf(record.links, link => isString(link.path) && isString(link.to)) &&
    isArrayOf(record.placedDirectories, d => isString(d.path) && isString(d.is)) &&
    (record.answers === null ||
      isArrayOf(record.answers, a => isString(a.path) && (a.says === undefined || isString(a.says)))) &&
    isArrayOf(
      record.files,
      f => [f.path, f.sha256, f.source, f.sourceIs, f.placedIs].every(isString) && isPlacement(f.placement),
    ) &&
    (record.libraries === undefined || isLibraries(record.libraries)) &&
    (record.pinnedBy === undefined ||
      (isObject(record.pinnedBy) &&
        Number.isSafeInteger(record.pinnedBy.pid) &&
        isString(record.pinnedBy.startTicks)))
  );
}

function isLibraries(value: RecordedLibraries): boolean {
  return (
    isObject(value) &&
    [value.is, value.libraryPath, value.cacheIs].every(isString) &&
    isArrayOf(value.links, link => isString(link.path) && isString(link.to)) &&
    isArrayOf(value.directories, d => isString(d.path) && isString(d.is))
  );
}

function isArrayOf<T>(value: readonly T[], check: (item: T) => boolean): boolean {
  return Array.isArray(value) && value.every(item => isObject(item) && check(item as T));
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** A path with a NUL in it would be no path for any call. */
function isString(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}
