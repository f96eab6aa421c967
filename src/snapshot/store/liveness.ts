/**
 * Is a snapshot live? Somebody holds a lock on its directory, or a process executes a file of it (by device and
 * inode: the path differs across mount namespaces). A hard link shares its inode with the installation, so a plain
 * lightningd there keeps the snapshot too: too much is kept, never too little. Never writes.
 */
import { type BigIntStats, type Dirent, readdirSync } from 'node:fs';
import { errnoOf, type HoldfastError, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import { executingInodes } from '../../linux/proc/processes.ts';

/** Answers for many snapshots after one look at the processes, and none when no snapshot asks. */
export class Liveness {
  #executing: ReadonlySet<string> | undefined;

  /**
   * May this entry of the store be wiped now? Call it with the store's lock held.
   * @returns an error where that cannot be told: then it may be live
   */
  isLive(store: Directory, name: string): boolean | HoldfastError {
    let directory: Directory | undefined;
    try {
      const stat = store.lstat(name);
      if (stat === undefined || !stat.isDirectory()) return false;
      directory = store.enter(name);
      // we let go at once: whoever wants the lock on this directory holds the store's lock first
      if (!directory.tryLock('exclusive')) return true;
      this.#executing ??= executingInodes();
      return this.#executing.size > 0 && holdsAny(directory, this.#executing);
    } catch (error) {
      return systemError('ask for the locks and processes of', store.show(name), error);
    } finally {
      directory?.close();
    }
  }
}

/** Does a process execute a file below this directory? Links in there are not followed. */
function holdsAny(directory: Directory, executing: ReadonlySet<string>): boolean {
  const paths = ['.'];
  for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
    for (const entry of entriesOf(directory, path)) {
      const below = `${path}/${entry.name}`;
      if (entry.isDirectory()) paths.push(below);
      if (!entry.isFile()) continue;
      const stat = directory.lstat(below);
      if (stat !== undefined && executing.has(inodeKey(stat))) return true;
    }
  }
  return false;
}

function entriesOf(directory: Directory, path: string): Dirent[] {
  try {
    return readdirSync(directory.at(path), { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []; // removed since we entered it: nothing runs from there by name
    if (errnoOf(error) === 'ENAMETOOLONG') return []; // deeper than what holdfast takes into a snapshot (contents.ts)
    throw systemError('list', directory.show(path), error);
  }
}

/** A file as processes.ts names it. */
function inodeKey(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}`;
}
