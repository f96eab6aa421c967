/**
 * What is installed now, against what a snapshot was taken from: by the snapshot's record, and only where that leaves a
 * doubt by reading files (compare.ts). Only looks.
 */

import { basename, dirname } from 'node:path';
import { Directory } from '../../linux/directory.ts';
import { STORE_NAME } from '../../snapshot/store/layout.ts';
import { readRecord, type SnapshotRecord } from '../../snapshot/store/record.ts';
import { isProven } from '../../snapshot/take/by-record.ts';
import type { InstalledNow } from './compare.ts';

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

/** What came of comparing a snapshot with its installation. */
export interface Comparison {
  readonly installed: InstalledNow;
  /** each file of the snapshot was seen to be what was placed */
  readonly intact: boolean;
}

/** Compares the snapshot with the installation that it was taken from. */
export async function compare(snapshot: string, record: SnapshotRecord, bootId: string): Promise<Comparison> {
  const { lightningd, version, root } = record;
  const directory = Directory.open(snapshot);
  try {
    if (isProven(directory, record, { path: lightningd, identity: undefined }, { bootId, method: 'auto' })) {
      return { installed: { lightningd, version, root, changed: [], reason: null }, intact: true };
    }
  } finally {
    directory.close();
  }
  const { compareInstalled } = await import('./compare.ts');
  const store = dirname(snapshot);
  const apart = basename(store) === STORE_NAME ? [store, dirname(store)] : [store];
  return { installed: await compareInstalled(record, bootId, apart), intact: false };
}
