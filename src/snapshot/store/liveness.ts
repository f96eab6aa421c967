/**
 * Is a snapshot live? Somebody holds a lock on its directory, or a process executes a file of it (by device and
 * inode: the path differs across mount namespaces). A hard link shares its inode with the installation, so a plain
 * lightningd there keeps the snapshot too: too much is kept, never too little. Never writes.
 */
import { type BigIntStats, type Dirent, readdirSync } from 'node:fs';
import { errnoOf } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import { executingInodes } from '../../linux/proc/processes.ts';

/** Answers for many snapshots after one look at the processes, and none when no snapshot asks. */
export class Liveness {
  #executing: ReadonlySet<string> | undefined;

  /** May this entry of the store be wiped now? Call it with the store's lock held. @throws HoldfastError `SYSTEM` */
  isLive(store: Directory, name: string): boolean {
    const stat = store.lstat(name);
    if (stat === undefined || !stat.isDirectory()) return false;
    const directory = store.enter(name);
    try {
      // we let go at once: whoever wants the lock on this directory holds the store's lock first
      if (!directory.tryLock('exclusive')) return true;
      this.#executing ??= executingInodes();
      return this.#executing.size > 0 && holdsAny(directory, this.#executing);
    } finally {
      directory.close();
    }
  }
}

/** Does a process execute a file below this directory? Links in there are not followed. */
function holdsAny(directory: Directory, executing: ReadonlySet<string>): boolean {
  for (const entry of entriesOf(directory)) {
    if (entry.isDirectory()) {
      const below = directory.enter(entry.name);
      try {
        if (holdsAny(below, executing)) return true;
      } finally {
        below.close();
      }
    } else if (entry.isFile()) {
      const stat = directory.lstat(entry.name);
      if (stat !== undefined && executing.has(inodeKey(stat))) return true;
    }
  }
  return false;
}

function entriesOf(directory: Directory): Dirent[] {
  try {
    return readdirSync(directory.at(), { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []; // removed since we entered it: nothing runs from there by name
    throw error;
  }
}

/** A file as processes.ts names it. */
function inodeKey(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}`;
}
