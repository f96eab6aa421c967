/**
 * Brings a record up to date after our own unlink(2) has moved the ctime of files that the snapshot shares with what was
 * removed: by reading them again, for somebody else may have written to them in the same moment.
 */
import { sleep } from '../../linux/time.ts';
import { hashFiles } from '../hash/hash.ts';
import { fileIdentity, TICK_NS } from '../store/identity.ts';
import { type RecordedFile, writeRecord } from '../store/record.ts';
import { withoutCtime } from './look-again.ts';
import type { Found } from './terms.ts';

/**
 * The same snapshot, its record rewritten where only ctimes moved and the content is what it was. What cannot be settled
 * stays as it is on record: the next launch is in doubt of it, and reads it.
 * @throws HoldfastError `SYSTEM` where the record cannot be written
 */
export async function refreshRecord(found: Found): Promise<Found> {
  const { directory, record } = found;
  const moved = record.files.map(file => movedOf(file, directory.at(file.path)));
  if (moved.every(file => file === undefined)) return found;
  await sleep(Number(TICK_NS / 1_000_000n) + 1); // what moved just now is believed when the clock has ticked
  const files: RecordedFile[] = [];
  for (const [index, file] of record.files.entries()) {
    const now = moved[index];
    files.push(now !== undefined && (await isStill(now, directory.at(file.path))) ? now : file);
  }
  const refreshed = { ...record, files };
  writeRecord(directory, refreshed);
  return { ...found, record: refreshed };
}

/** The file with its new identities, if the ctimes alone have moved; undefined if nothing has, or more. */
function movedOf(file: RecordedFile, placed: string): RecordedFile | undefined {
  if (file.placement === 'pin' || file.sourceIs === '') return undefined;
  const [sourceIs, placedIs] = [fileIdentity(file.source), fileIdentity(placed)];
  if (sourceIs === undefined || placedIs === undefined) return undefined;
  if (sourceIs === file.sourceIs && placedIs === file.placedIs) return undefined;
  const onlyCtimes =
    withoutCtime(sourceIs) === withoutCtime(file.sourceIs) &&
    withoutCtime(placedIs) === withoutCtime(file.placedIs);
  return onlyCtimes ? { ...file, sourceIs, placedIs } : undefined;
}

async function isStill(file: RecordedFile, placed: string): Promise<boolean> {
  const size = Number(file.sourceIs.split(':')[2]); // see identityOf
  const paths = file.placement === 'hardlink' ? [placed] : [placed, file.source];
  const hashes = await hashFiles(paths.map(path => ({ path, size })));
  return (
    hashes.every(({ sha256 }) => sha256 === file.sha256) &&
    fileIdentity(file.source) === file.sourceIs &&
    fileIdentity(placed) === file.placedIs
  );
}
