/**
 * May an entry of the store be wiped? Not while it is live: somebody holds a lock on its directory, or a process executes
 * a file of it. Call it with the store's lock held. Never writes.
 *
 * A process is known by the device and inode of its file: the path differs across mount namespaces. A hard link shares its
 * inode with the installation, so a plain lightningd there keeps the snapshot too. Where the device is another one, the
 * path counts: neither locks nor inodes pass through bindfs, mergerfs and the like, a snapshot's name does. Too much is
 * kept, never too little. A staging directory is live by its lock alone: no node runs from there, and what a killed launch
 * was asking for its version may be left to itself.
 *
 * Order: the lock first, then the processes, anew for each entry. A node may lose its lock at any moment (it executes
 * itself again, and with --daemon goes on as a child), but not its process: so it is seen in the one or in the other.
 */
import { type BigIntStats, type Dirent, lstatSync, readdirSync } from 'node:fs';
import { errnoOf, type HoldfastError, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { inodeKey } from '../../linux/proc/image.ts';
import { type ExecutedFile, executedFiles } from '../../linux/proc/processes.ts';
import { isStagingName, RECORD_NAME } from './layout.ts';

/** What came of asking for an entry. */
export type Claim =
  /** nobody uses it; as long as it is not released nobody else can lock it, and readers know that it is going */
  | { readonly is: 'free'; readonly release: () => void }
  | { readonly is: 'live' }
  | { readonly is: 'gone' }
  /** that cannot be told: then it may be live */
  | { readonly is: 'unknown'; readonly error: HoldfastError };

/** Asks for an entry in order to wipe it. */
export function claim(store: Directory, name: string): Claim {
  let directory: Directory | undefined;
  let free = false;
  try {
    const stat = store.lstat(name);
    if (stat === undefined) return { is: 'gone' };
    if (!stat.isDirectory()) return { is: 'free', release: () => undefined };
    const entered = store.enter(name);
    directory = entered;
    if (!directory.tryLock('exclusive')) return { is: 'live' };
    if (!isStagingName(name) && isExecuted(directory, name)) return { is: 'live' };
    free = true;
    return { is: 'free', release: () => entered.close() };
  } catch (error) {
    // its own launch has removed or published it meanwhile: what is gone is not live
    if (directory === undefined && errnoOf(error) === 'ENOENT') return { is: 'gone' };
    return {
      is: 'unknown',
      error: systemError('ask for the locks and processes of', store.show(name), error),
    };
  } finally {
    if (!free) directory?.close();
  }
}

/** Is this entry of the store live? @returns an error where that cannot be told */
export function isLive(store: Directory, name: string): boolean | HoldfastError {
  const claimed = claim(store, name);
  if (claimed.is === 'free') claimed.release(); // whoever wants the lock on it holds the store's first, or tries again
  return claimed.is === 'unknown' ? claimed.error : claimed.is === 'live';
}

function isExecuted(directory: Directory, name: string): boolean {
  const executed = executedFiles();
  if (executed.size === 0) return false;
  const { dev } = directory.stat();
  for (const [inode, file] of executed) {
    if (file.dev !== dev && leadsInto(file, inode, directory, name)) return true;
  }
  return holdsAny(directory, executed);
}

/**
 * Through another mount the snapshot has another device and other inodes: its name is 64 bits of its root, which a store
 * elsewhere may have too. That is another one where the path leads to what runs, and the record beside it, of which each
 * is made at a moment of its own, is not the one here.
 */
function leadsInto({ paths }: ExecutedFile, inode: string, directory: Directory, name: string): boolean {
  return [...paths].some(path => {
    const at = path.indexOf(`/${name}/`);
    if (at === -1) return false;
    const record = lookAt(`${path.slice(0, at)}/${name}/${RECORD_NAME}`);
    const ours = directory.lstat(RECORD_NAME);
    const running = lookAt(path);
    if (record === undefined || ours === undefined || running === undefined) return true;
    return inodeKey(running) !== inode || (record.mtimeNs === ours.mtimeNs && record.size === ours.size);
  });
}

function lookAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // closed to us: nothing is known of it
  }
}

/** Does a process execute a file below this directory? Links in there are not followed. */
function holdsAny(directory: Directory, executed: ReadonlyMap<string, unknown>): boolean {
  const paths = ['.'];
  for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
    for (const entry of entriesOf(directory, path)) {
      const below = `${path}/${entry.name}`;
      if (entry.isDirectory()) paths.push(below);
      if (!entry.isFile()) continue;
      const stat: BigIntStats | undefined = directory.lstat(below);
      if (stat !== undefined && executed.has(inodeKey(stat))) return true;
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
