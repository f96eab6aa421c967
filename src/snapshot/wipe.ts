/**
 * Wipes the store: what crashes left, and snapshots that nothing runs from. Call it with the store's lock held.
 * Never touches a live snapshot, never anything outside the store.
 */
import type { Directory } from '../linux/directory.ts';
import { Liveness } from './liveness.ts';
import { removeTree } from './remove-tree.ts';
import { listStore } from './store.ts';

/** Removes every staging directory that no process holds. @returns their names */
export function wipeStaging(store: Directory, liveness = new Liveness()): string[] {
  return wipe(store, listStore(store).staging, liveness);
}

/** Removes every snapshot but `keep` that is not live. @returns their names */
export function wipeSnapshots(
  store: Directory,
  keep: string | undefined,
  liveness = new Liveness(),
): string[] {
  const others = listStore(store).snapshots.filter(name => name !== keep);
  return wipe(store, others, liveness);
}

function wipe(store: Directory, names: readonly string[], liveness: Liveness): string[] {
  const wiped = names.filter(name => !liveness.isLive(store, name));
  for (const name of wiped) removeTree(store, name);
  return wiped;
}
