/**
 * What is installed now, against what a snapshot was taken from: by the snapshot's record, and only where that leaves a
 * doubt by reading files (compare.ts). Only looks.
 *
 * A record is the word of whoever wrote it. Another user's is believed as far as he could be asked himself: about what he
 * and root alone may change. Nothing that it names is executed.
 */

import { realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { errnoWords, quote } from '../../errors.ts';
import { Directory } from '../../linux/files/directory.ts';
import { agrees, fileIdentity, ownerOf } from '../../snapshot/record/identity.ts';
import type { SnapshotRecord } from '../../snapshot/record/record.ts';
import { RECORD_NAME, STORE_NAME } from '../../snapshot/store/layout.ts';
import { isProven } from '../../snapshot/take/prove/by-record.ts';
import type { Asker, Compared, InstalledNow, Viewer } from './compare.ts';

/** What came of comparing a snapshot with its installation. */
export interface Comparison {
  readonly installed: InstalledNow;
  /** each file of the snapshot was seen to be what was placed */
  readonly intact: boolean;
}

/** Compares the snapshot with the installation, or the archive, that it was taken from. */
export async function compare(snapshot: string, record: SnapshotRecord, viewer: Viewer): Promise<Comparison> {
  const directory = Directory.open(snapshot);
  let mayAsk = true;
  let proven: Compared | undefined;
  try {
    const writer = directory.lstat(RECORD_NAME)?.uid;
    if (writer !== BigInt(viewer.uid) && writer !== 0n) {
      mayAsk = false;
      const reason = await whyNotBelieved(record, Number(writer ?? -1));
      if (reason !== undefined) return { installed: unknown(record, reason), intact: false };
    }
    proven = provenBy(directory, record, viewer);
  } finally {
    directory.close();
  }
  const compared = proven ?? (await compareFiles(snapshot, record, { ...viewer, mayAsk }));
  const intact = proven !== undefined;
  return { installed: { ...compared, ...(await alteredOf(record, intact)) }, intact };
}

/** What the record alone proves. */
function provenBy(directory: Directory, record: SnapshotRecord, { bootId }: Viewer): Compared | undefined {
  const { version, root, archiveIs } = record;
  const source = archiveIs === undefined ? installationOf(record) : archiveOf(record);
  if (source === undefined || !isProven(directory, record, source, { bootId, method: 'auto' }))
    return undefined;
  return { lightningd: source.path, version, root, changed: [], reason: null };
}

async function compareFiles(
  snapshot: string,
  record: SnapshotRecord,
  asker: Omit<Asker, 'apart'>,
): Promise<Compared> {
  if (record.archiveIs !== undefined) return archiveNow(record);
  const { compareInstalled } = await import('./compare.ts');
  const store = dirname(snapshot);
  const apart = basename(store) === STORE_NAME ? [store, dirname(store)] : [store];
  return compareInstalled(record, { ...asker, apart });
}

const NONE = { altered: [], remedy: [] };

/** Files of root's of which nothing changed, as of any package, need no second look. */
async function alteredOf(
  record: SnapshotRecord,
  intact: boolean,
): Promise<Pick<InstalledNow, 'altered' | 'remedy'>> {
  if (intact && record.files.every(({ sourceIs }) => ownerOf(sourceIs)?.uid === 0n)) return NONE;
  const { alteredFiles, wordAltered } = await import('../../snapshot/record/altered.ts');
  const altered = alteredFiles(record);
  return { altered, remedy: wordAltered(altered)?.hints ?? [] };
}

/** Where the name that it was launched by leads now; undefined: nowhere. */
function installationOf({ named }: SnapshotRecord) {
  try {
    return { path: realpathSync.native(named), identity: undefined };
  } catch {
    return undefined; // compare.ts says why
  }
}

function archiveOf({ lightningd }: SnapshotRecord) {
  return { path: lightningd, identity: fileIdentity(lightningd) ?? '' };
}

/** What another user says of what others than him can change says nothing. */
async function whyNotBelieved({ named }: SnapshotRecord, writer: number): Promise<string | undefined> {
  const { whatOthersMayChange } = await import('../../linux/files/trust.ts');
  const says = `user ${writer} wrote that this node is of ${quote(named)}`;
  try {
    const changeable = whatOthersMayChange(named, [writer]);
    return changeable === undefined ? undefined : `${says}, and others can change ${quote(changeable)}`;
  } catch (error) {
    return `${says}, which cannot be looked at: ${errnoWords(error)}`;
  }
}

function unknown({ lightningd }: SnapshotRecord, reason: string): InstalledNow {
  return { lightningd, version: null, root: null, changed: [], reason, ...NONE };
}

/**
 * No package manager upgrades an archive: one that is gone has no successor, and what another one holds is not unpacked to
 * be looked at.
 */
function archiveNow({ lightningd, version, root, archiveIs }: SnapshotRecord): Compared {
  const now = fileIdentity(lightningd);
  if (now === undefined || agrees(archiveIs ?? '', now, true)) {
    return { lightningd, version, root, changed: [], reason: null };
  }
  const reason = `${quote(lightningd)}, the archive that it was taken from, is another file by now: holdfast root tells its root`;
  return { lightningd, version: null, root: null, changed: [], reason };
}
