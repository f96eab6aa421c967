/**
 * Wipes the store: what crashes left, and snapshots that nothing runs from. Call it with the store's lock held.
 * Never touches a live snapshot, never anything outside the store, and is never the reason that a node does not start:
 * what cannot be wiped is said, and left for the next launch.
 */
import { type HoldfastError, quote } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';

/**
 * Removes those of these entries of the store that are not live.
 * @param warnings gets a line for each that is still there though nothing runs from it, or that cannot be told of
 * @returns the names of those that are gone
 */
export async function wipe(
  store: Directory,
  names: readonly string[],
  warnings: string[],
): Promise<string[]> {
  if (names.length === 0) return []; // as for most launches: nothing more is loaded
  const { claim } = await import('./liveness.ts');
  const { removeEntry } = await import('./remove-tree.ts');
  const remove = (name: string): HoldfastError | 'gone' | undefined => {
    const claimed = claim(store, name);
    if (claimed.is === 'live') return undefined;
    if (claimed.is === 'gone') return 'gone';
    if (claimed.is === 'unknown') return claimed.error;
    try {
      // its lock is held until all of it is removed: verify waits for that, and does not take the rest for damage
      return removeEntry(store, name) ?? 'gone';
    } finally {
      claimed.release();
    }
  };
  return names.filter(name => {
    const outcome = remove(name);
    if (outcome === undefined || outcome === 'gone') return outcome === 'gone';
    const warning = `cannot wipe ${quote(store.show(name))}: ${outcome.message}; ${remedy(outcome)}`;
    if (!warnings.includes(warning)) warnings.push(warning); // a launch may try twice
    return false;
  });
}

/** What the operator can do about it; the next launch tries again anyway. */
function remedy({ errno, hints }: HoldfastError): string {
  return (hints[0] ?? REMEDIES[errno ?? ''] ?? 'the next launch tries again') as string;
}

const REMEDIES: Readonly<Record<string, string>> = {
  EPERM: "lsattr shows whether it is immutable (chattr -i), ls -l whether it is another user's",
  EACCES: "ls -l shows whether it is another user's",
  ENOTEMPTY:
    'somebody has a file of it open, which NFS and FUSE keep until it is closed; the next launch tries again',
  EBUSY: 'something is mounted there, or somebody has a file of it open; the next launch tries again',
  EROFS: 'the file system is mounted read-only',
};
