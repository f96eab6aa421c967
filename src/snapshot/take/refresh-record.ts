/**
 * Brings a record up to date after our own unlink(2) has moved the ctime of files that the snapshot shares with what was
 * removed: by reading them again, for somebody else may have written to them in the same moment.
 */
import { lstatSync } from 'node:fs';
import { sleep } from '../../linux/time.ts';
import { hashFiles } from '../hash/hash.ts';
import { agrees, fileIdentity, settledOf, TICK_NS } from '../record/identity.ts';
import { makeRecord, type RecordedFile, writeRecord } from '../record/record.ts';
import { withoutCtime } from './look-again.ts';
import type { Found } from './terms.ts';

/**
 * The same snapshot, its record rewritten where only ctimes moved and the content is what it was. What cannot be settled
 * stays as it is on record: the next launch is in doubt of it, and reads it.
 */
export async function refreshRecord(found: Found, bootId: string, warnings: string[]): Promise<Found> {
  const { directory, record } = found;
  const moved = record.files.map(file => movedOf(file, directory.at(file.path)));
  if (moved.every(file => file === undefined)) return found;
  await sleep(Number(TICK_NS / 1_000_000n) + 1); // what moved just now is believed when the clock has ticked
  const files: RecordedFile[] = [];
  for (const [index, file] of record.files.entries()) {
    const now = moved[index];
    files.push(now !== undefined && (await isStill(now, directory.at(file.path))) ? now : file);
  }
  // what was proven in another boot than the record's is settled, and needs none
  const refreshed = makeRecord({ ...record, files, bootId });
  writeRecord(directory, refreshed, warnings);
  return { ...found, record: refreshed };
}

/** The file with its new identities, if the ctimes alone have moved; undefined if nothing has, or more. */
function movedOf(file: RecordedFile, placed: string): RecordedFile | undefined {
  if (file.placement === 'pin' || file.sourceIs === '') return undefined;
  const [sourceIs, placedIs] = [fileIdentity(file.source), fileIdentity(placed)];
  if (sourceIs === undefined || placedIs === undefined) return undefined;
  if (agrees(file.sourceIs, sourceIs, true) && agrees(file.placedIs, placedIs, true)) return undefined;
  const onlyCtimes = isSameButCtime(file.sourceIs, sourceIs) && isSameButCtime(file.placedIs, placedIs);
  return onlyCtimes ? { ...file, sourceIs, placedIs } : undefined;
}

function isSameButCtime(recorded: string, now: string): boolean {
  return withoutCtime(settledOf(recorded)) === withoutCtime(settledOf(now));
}

async function isStill(file: RecordedFile, placed: string): Promise<boolean> {
  const { size } = lstatSync(placed); // the identities, which have it, are compared below
  const paths = file.placement === 'hardlink' ? [placed] : [placed, file.source];
  const hashes = await hashFiles(paths.map(path => ({ path, size })));
  return (
    hashes.every(({ sha256 }) => sha256 === file.sha256) &&
    fileIdentity(file.source) === file.sourceIs &&
    fileIdentity(placed) === file.placedIs
  );
}
