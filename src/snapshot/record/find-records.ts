/** Records of snapshots by their paths, for whoever holds none of them: one may be wiped meanwhile. Only reads. */
import { readdirSync, realpathSync } from 'node:fs';
import { Directory } from '../../linux/files/directory.ts';
import { CURRENT_NAME, isSnapshotName } from '../store/layout.ts';
import { readRecord, type SnapshotRecord } from './record.ts';

/** The record of the snapshot at a path; undefined where there is none, or none for us. */
export function recordAt(snapshot: string): SnapshotRecord | undefined {
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

/** The records of the snapshots in a store, and in a fallback that it leads to, that were taken of one of these paths. */
export function recordsOf(paths: readonly string[], store: string): SnapshotRecord[] {
  return snapshotsIn(store)
    .flatMap(snapshot => recordAt(snapshot) ?? [])
    .filter(({ named, lightningd }) => paths.includes(named) || paths.includes(lightningd));
}

function snapshotsIn(store: string): string[] {
  try {
    const own = readdirSync(store)
      .filter(isSnapshotName)
      .map(name => `${store}/${name}`);
    return [...own, realpathSync.native(`${store}/${CURRENT_NAME}`)];
  } catch {
    return []; // there is none, or none for us
  }
}
