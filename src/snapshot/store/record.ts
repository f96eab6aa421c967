/**
 * `.record.json`: the cache that proves without hashing that a snapshot is what is installed now. One record, one
 * rule: boot id, and for each file the identity of source and placed file; all equal, nothing was changed. Whatever is
 * in doubt is hashed; a record that cannot be read proves nothing. It is no entry of the manifest and not believed
 * after a reboot or a power cut: the boot id differs then.
 * Why an identity proves content: identity.ts.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { errnoOf, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import { RECORD_NAME } from './layout.ts';
import { isPlacement, type Placement } from './placement.ts';

const FORMAT = 'holdfast-record/1';

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
  /** identities, see identityOf; '' where none can be relied on. Of a pinned file both are the pinned one's */
  readonly sourceIs: string;
  readonly placedIs: string;
}

/** A directory of the installation, whose mtime tells that names in it came or went. */
export interface RecordedDirectory {
  readonly path: string;
  readonly is: string;
}

export interface SnapshotRecord {
  readonly format: typeof FORMAT;
  /** /proc/sys/kernel/random/boot_id, or '' where it cannot be read: then all is in doubt */
  readonly bootId: string;
  readonly root: string;
  readonly version: string;
  /** lightningd in the installation, or the release archive; absolute, links resolved */
  readonly lightningd: string;
  /** of an archive its identity; what it was unpacked to is gone, so the sources below are not looked at */
  readonly archiveIs?: string;
  /** lightningd's path in the snapshot */
  readonly program: string;
  /** of a snapshot with pinned files (pin.ts) the process that holds them, and its start after boot in clock ticks */
  readonly pinnedBy?: { readonly pid: number; readonly startTicks: string };
  readonly directories: readonly RecordedDirectory[];
  /** the directories of the snapshot below its top, by their paths in it */
  readonly placedDirectories: readonly RecordedDirectory[];
  /** manifest.json and SHA256SUMS, see identityOf */
  readonly manifestIs: string;
  readonly sumsIs: string;
  readonly files: readonly RecordedFile[];
  /** what the programs said when the gate passed; null where it was told not to ask */
  readonly answers: readonly RecordedAnswer[] | null;
}

/** Makes a record. */
export function makeRecord(facts: Omit<SnapshotRecord, 'format'>): SnapshotRecord {
  return { format: FORMAT, ...facts };
}

/** Writes the record; an old one is replaced by rename, so that a reader never sees half of one. */
export function writeRecord(snapshot: Directory, record: SnapshotRecord): void {
  const temporary = `${RECORD_NAME}.new`;
  snapshot.attempt('write', temporary, path => writeFileSync(path, JSON.stringify(record), { mode: 0o644 }));
  snapshot.attempt('write', RECORD_NAME, path => renameSync(snapshot.at(temporary), path));
}

/** The record of a snapshot, or undefined where there is none that we could have written. */
export function readRecord(snapshot: Directory): SnapshotRecord | undefined {
  const stat = snapshot.lstat(RECORD_NAME);
  if (stat === undefined || !stat.isFile() || stat.size > MAX_RECORD_BYTES) return undefined;
  let text: string;
  try {
    text = readFileSync(snapshot.at(RECORD_NAME), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'EACCES' || errnoOf(error) === 'ENOENT') return undefined;
    throw systemError('read', snapshot.show(RECORD_NAME), error);
  }
  try {
    const value: unknown = JSON.parse(text);
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
    [record.bootId, record.root, record.version, record.lightningd, record.program].every(isString) &&
    isString(record.manifestIs) &&
    isString(record.sumsIs) &&
    /^[0-9a-f]{64}$/.test(record.root) &&
    (record.archiveIs === undefined || isString(record.archiveIs)) &&
    isArrayOf(record.directories, d => isString(d.path) && isString(d.is)) &&
    isArrayOf(record.placedDirectories, d => isString(d.path) && isString(d.is)) &&
    (record.answers === null ||
      isArrayOf(record.answers, a => isString(a.path) && (a.says === undefined || isString(a.says)))) &&
    isArrayOf(
      record.files,
      f => [f.path, f.sha256, f.source, f.sourceIs, f.placedIs].every(isString) && isPlacement(f.placement),
    ) &&
    (record.pinnedBy === undefined ||
      (isObject(record.pinnedBy) &&
        Number.isSafeInteger(record.pinnedBy.pid) &&
        isString(record.pinnedBy.startTicks)))
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
