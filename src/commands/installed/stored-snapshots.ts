/** The snapshots that a store has. Only looks. */

import { existsSync, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CURRENT_NAME, isSnapshotName } from '../../snapshot/store/layout.ts';
import type { Look } from './look-once.ts';

/** A snapshot in the store. */
export interface StoredSnapshot {
  readonly path: string;
  readonly version: string | null;
  readonly root: string | null;
  readonly current: boolean;
}

/** The snapshots of the store, and of the one that its `current` leads to. */
export function snapshotsOf(store: string, look: Look): StoredSnapshot[] {
  const link = join(store, CURRENT_NAME);
  const current = existsSync(link) ? realpathSync(link) : undefined;
  const stores = new Set([store, ...(current === undefined ? [] : [dirname(current)])]);
  const paths = new Set<string>();
  for (const directory of stores) {
    for (const name of namesIn(directory)) {
      const path = join(directory, name);
      if (isSnapshotName(name) && lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
        paths.add(realpathSync(path));
    }
  }
  return [...paths].map(path => {
    const record = look.record(path);
    return { path, version: record?.version ?? null, root: record?.root ?? null, current: path === current };
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return []; // there is no store, or it is closed to us: nothing is held in it that we know of
  }
}
