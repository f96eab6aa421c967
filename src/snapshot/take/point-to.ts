/** Where the store is a fallback, the store that cannot hold programs leads there. */
import type { Directory } from '../../linux/files/directory.ts';
import { setCurrent } from '../store/current.ts';
import { lockStore } from '../store/lock.ts';
import { listStore } from '../store/store.ts';
import { wipe } from '../store/wipe.ts';
import type { Observer, Terms } from './terms.ts';

/**
 * Points a store that cannot hold programs to the snapshot in a fallback, by an absolute path, and wipes what it still
 * has from before: whoever looks for the snapshot looks here first.
 * @returns what could not be wiped, for the operator
 */
export async function pointTo(
  store: Directory,
  path: string,
  terms: Pick<Terms, 'pid' | 'lockMs'>,
  observer: Observer,
): Promise<string[]> {
  observer.step('lock');
  const lock = await lockStore(store, { ...terms, ...observer });
  try {
    setCurrent(store, path, terms.pid);
    const warnings: string[] = [];
    await wipe(store, listStore(store).snapshots, warnings);
    return warnings;
  } finally {
    lock.release();
  }
}
