/**
 * Wipes the store: what crashes left, and snapshots that nothing runs from. Call it with the store's lock held.
 * Never touches a live snapshot, never anything outside the store.
 */
import type { Directory } from '../../linux/directory.ts';

/** Removes those of these entries of the store that are not live. @returns their names */
export async function wipe(store: Directory, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return []; // as for most launches: nothing more is loaded
  const { Liveness } = await import('./liveness.ts');
  const { removeTree } = await import('./remove-tree.ts');
  const liveness = new Liveness();
  const wiped = names.filter(name => !liveness.isLive(store, name));
  for (const name of wiped) removeTree(store, name);
  return wiped;
}
