/**
 * The store: the directory that holds snapshots. Entered once, with O_NOFOLLOW; all work in it goes through the open
 * directory. What we did not make is refused, and left as it was.
 */
import {
  type BigIntStats,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { errnoOf, HoldfastError, quote, systemError, typed } from '../../errors.ts';
import { Directory } from '../../linux/files/directory.ts';
import {
  CACHEDIR_TAG_NAME,
  CURRENT_NAME,
  isSnapshotName,
  isStagingName,
  LIBRARIES_DIR,
  LOCK_NAME,
  MANIFEST_NAME,
  OUR_FILES,
  STORE_NAME,
} from './layout.ts';

/** A file system's own directory, where the store is a mount point of its own (mke2fs(8)). */
const LOST_AND_FOUND = 'lost+found';

/** Where the programs of an installation lie below its prefix: what may be left of a snapshot that could not be wiped. */
const PROGRAMS_LIE_IN: ReadonlySet<string> = new Set([
  ...['bin', 'sbin', 'lib', 'lib64', 'libexec', 'usr'],
  ...['lightningd', 'plugins'], // of a build tree
]);

/** Who wants to use the store. */
export interface Owner {
  /** effective user id */
  readonly uid: number;
}

/** What a store holds, by kind. */
export interface StoreContents {
  readonly snapshots: readonly string[];
  readonly staging: readonly string[];
}

/**
 * Enters the store, after making it (0755) where it is missing, and its parent, the lightning-dir (0700, as
 * lightningd does: lightningd/options.c, mkdir of config_basedir).
 * @throws HoldfastError `STORE_REFUSED`: it is a link, no directory, another user's, writable by others
 */
export function makeStore(path: string, owner: Owner): Directory {
  const isUsual = basename(path) === STORE_NAME;
  makeDirectory(dirname(path), 0o700, isUsual ? 'the lightning-dir' : 'the directory for the store');
  makeDirectory(path, 0o755, 'the store');
  return openStore(path, owner);
}

/**
 * Enters a store that is there.
 * @throws HoldfastError `STORE_REFUSED`, also where something in it is not ours; `NO_SNAPSHOT` where there is none
 */
export function openStore(path: string, owner: Owner): Directory {
  const store = enter(path);
  try {
    const stat = store.stat();
    checkOwner(path, stat, owner);
    listStore(store); // refused before anything is made in it
  } catch (error) {
    store.close();
    throw error;
  }
  return store;
}

/** Lists the store. @throws HoldfastError `STORE_REFUSED` where something in it is not ours */
export function listStore(store: Directory): StoreContents {
  const snapshots: string[] = [];
  const staging: string[] = [];
  for (const entry of readEntries(store)) {
    const { name } = entry;
    if (isStagingName(name)) staging.push(name);
    else if (isSnapshotName(name) && entry.isDirectory() && mayBeOurs(store, name)) snapshots.push(name);
    else if ((name === LOCK_NAME || name === CACHEDIR_TAG_NAME) && entry.isFile()) continue;
    else if (name === CURRENT_NAME && entry.isSymbolicLink()) continue;
    else if (name === LOST_AND_FOUND && entry.isDirectory()) continue;
    else {
      throw new HoldfastError(
        'STORE_REFUSED',
        `${quote(store.path)} holds ${quote(name)}, which holdfast did not make`,
        {
          path: store.show(name),
          hint: [
            'move it elsewhere: this directory is wiped and rebuilt',
            'or use another store: --snapshot-dir=DIR',
          ],
        },
      );
    }
  }
  return { snapshots: snapshots.sort(), staging };
}

/**
 * May this be a snapshot, or the rest of one? Caches of other programs give their directories such names, too. One that
 * cannot be looked into is for whoever wants to use or wipe it.
 */
function mayBeOurs(store: Directory, name: string): boolean {
  try {
    const at = store.at(name);
    if (lstatSync(`${at}/${MANIFEST_NAME}`, { throwIfNoEntry: false }) !== undefined) return true;
    const names = readdirSync(at);
    return names.length === 0 || names.some(isOurs);
  } catch {
    return true;
  }
}

function isOurs(name: string): boolean {
  return OUR_FILES.has(name) || name === LIBRARIES_DIR || PROGRAMS_LIE_IN.has(name);
}

function readEntries(store: Directory) {
  try {
    return readdirSync(store.at(), { withFileTypes: true });
  } catch (error) {
    throw systemError('list', store.path, error);
  }
}

function makeDirectory(path: string, mode: number, what: string): void {
  try {
    mkdirSync(path, mode);
    chmodSync(path, mode); // whatever the umask
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return; // what it is, enter() finds out
    const dangling = errnoOf(error) === 'ENOENT' ? danglingLinkIn(path) : undefined;
    throw dangling === undefined
      ? systemError(`make ${what}`, path, error)
      : leadsNowhere(dangling, what, error);
  }
}

/** The first link on the way that leads to nothing: often the disk that it leads to is not mounted. */
function danglingLinkIn(path: string): string | undefined {
  const parents = path.split('/').map((_, index, names) => names.slice(0, index + 1).join('/') || '/');
  return parents.find(parent => isLink(parent) && !existsSync(parent));
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch {
    return false; // not to be reached, or below what is no directory
  }
}

function leadsNowhere(link: string, what: string, cause: unknown): HoldfastError {
  const target = readlinkSync(link);
  return new HoldfastError(
    'SYSTEM',
    `cannot make ${what}: ${quote(link)} is a symbolic link to ${quote(target)}, and nothing is there`,
    { path: link, errno: 'ENOENT', cause, hint: 'is the disk mounted that it leads to?' },
  );
}

function enter(path: string): Directory {
  try {
    return Directory.open(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') {
      throw new HoldfastError('NO_SNAPSHOT', `there is no store at ${quote(path)}`, {
        path,
        errno,
        cause: error,
      });
    }
    if (errno !== 'ENOTDIR' && errno !== 'ELOOP') throw error;
    throw new HoldfastError(
      'STORE_REFUSED',
      `${quote(path)} is a symbolic link or no directory: refusing to use it as the store`,
      {
        path,
        errno,
        hint: ['move it elsewhere, or name the store itself: --snapshot-dir=DIR'],
      },
    );
  }
}

function checkOwner(path: string, stat: BigIntStats, owner: Owner): void {
  const uid = Number(stat.uid);
  // root may enter another user's store: he could anyway, and lightningd started by root does the same
  if (uid !== owner.uid && owner.uid !== 0) {
    throw new HoldfastError(
      'STORE_REFUSED',
      `${quote(path)} belongs to user ${uid}, not to user ${owner.uid} who runs this`,
      {
        path,
        // never by changing owners below it: what it has is linked, maybe, and the installation's too
        hint: [
          `run this as user ${uid}`,
          `or, when no node runs from it, remove it as that user or root, and the next launch makes its own: rm -r ${typed(path)}`,
        ],
      },
    );
  }
  if ((stat.mode & 0o022n) !== 0n) {
    throw new HoldfastError('STORE_REFUSED', `${quote(path)} is writable by group or others`, {
      path,
      hint: [`chmod go-w ${typed(path)}`],
    });
  }
}
