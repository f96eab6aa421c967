/**
 * Files of an installation whose owner or mode is not the installation's own any more. A hard link shares both: who
 * changes them in a snapshot, by a recursive chown of the data directory say, changes the installed program. Only looks.
 */
import { type BigIntStats, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { HoldfastError, quote } from '../../errors.ts';
import { commandsToRestore } from '../../linux/packages.ts';
import { isSameInode, ownerOf } from './identity.ts';
import type { RecordedFile, SnapshotRecord } from './record.ts';

/** One such file. */
export interface AlteredFile {
  /** in the installation, absolute */
  readonly path: string;
  /** mode and owners as chmod(1) and chown(1) take them */
  readonly expected: string;
  readonly found: string;
  /** since a snapshot was linked to it; false: it was so before, which may be meant so */
  readonly throughLink: boolean;
}

/** Those that the record tells of; none of an archive, which has no installation. */
export function alteredFiles(record: Pick<SnapshotRecord, 'files' | 'archiveIs'>): AlteredFile[] {
  if (record.archiveIs !== undefined) return [];
  const owners = new Map<string, bigint>();
  return record.files.flatMap(file => altered(file, owners) ?? []);
}

/** Such files in words, and the commands that mend them. */
export interface WordedAltered {
  readonly message: string;
  readonly hints: readonly string[];
}

/** Words them; undefined where there are none. */
export function wordAltered(files: readonly AlteredFile[]): WordedAltered | undefined {
  const [first] = [...files].sort((a, b) => Number(b.throughLink) - Number(a.throughLink));
  if (first === undefined) return undefined;
  const { path, expected, found, throughLink } = first;
  const how = throughLink
    ? 'changed through a hard link of a snapshot, most likely'
    : 'given away through a hard link of a snapshot, if it was not meant so';
  const others = files.length === 1 ? '' : ` (and ${files.length - 1} more)`;
  return {
    message: `the installed ${quote(path)}${others} is ${found}, not ${expected}: ${how}`,
    hints: commandsToRestore(path).map(command => `if it came with a package: ${command}`),
  };
}

/** The error of a launch that such files are in the way of, with what they are and what mends them. */
export function withRemedy(error: HoldfastError, { message, hints }: WordedAltered): HoldfastError {
  const { code, path, syscall, errno, details, hints: others } = error;
  const facts = { path, syscall, errno, details, hint: [...hints, ...others], cause: error };
  return new HoldfastError(code, `${error.message}; ${message}`, facts);
}

/**
 * Who takes the execute bits from a snapshot, by a recursive chmod of the data directory say, takes them from what is
 * installed. Waiting does not help then. @throws HoldfastError `error`, with what mends it
 */
export function refuseAltered(error: HoldfastError, records: readonly SnapshotRecord[]): void {
  for (const record of records) {
    const files = alteredFiles(record).filter(({ throughLink }) => throughLink);
    if (!files.some(({ path }) => path === record.lightningd)) continue;
    const worded = wordAltered(files);
    if (worded !== undefined) throw withRemedy(error, worded);
  }
}

function altered(file: RecordedFile, owners: Map<string, bigint>): AlteredFile | undefined {
  const recorded = ownerOf(file.sourceIs);
  const stat = lookAt(file.source);
  if (stat === undefined) return undefined;
  const [mode, uid] = [stat.mode & 0o7777n, stat.uid];
  const found = `${octal(mode)} of ${uid}:${stat.gid}`;
  const isLinked = isSameInode(file.sourceIs, stat) && isSameInode(file.placedIs, stat);
  if (file.placement === 'hardlink' && recorded !== undefined && isLinked) {
    const wasGiven = uid !== 0n && uid !== recorded.uid;
    if (wasGiven || mode !== recorded.mode) {
      const expected = `${octal(recorded.mode)} of ${recorded.uid}:${recorded.gid}`;
      return { path: file.source, expected, found, throughLink: true };
    }
  }
  if (uid === 0n) return undefined;
  const directory = dirname(file.source);
  const owner = owners.get(directory) ?? lookAt(directory)?.uid ?? uid;
  owners.set(directory, owner);
  // nobody makes a file in root's directory but root: he has made it so, or it was given away through a link before
  if (owner !== 0n) return undefined;
  return { path: file.source, expected: 'of user 0, as its directory', found, throughLink: false };
}

function lookAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // closed to us, or in the middle of an upgrade: nothing is known of it
  }
}

function octal(mode: bigint): string {
  return mode.toString(8).padStart(4, '0');
}
