/**
 * Which directories nobody but root and ourselves could have made, or could put something else in place of. What runs
 * from a fallback runs with the node's keys, so a directory that another user holds is refused, never repaired.
 *
 * A path is safe when each directory on its way, links resolved, belongs to root or to us, and is writable by nobody
 * else, or has the sticky bit: then others may add names, but not rename or remove ours (inode(7), S_ISVTX). A
 * directory of our own below such a path is safe when it belongs to us and nobody else can write to it: that another
 * user was first shows in the owner, since only root can give a directory away (chown(2)). Access control lists need
 * no look of their own: their mask is in the group bits (acl(5)).
 */
import { type BigIntStats, chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, HoldfastError, quote, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';

const WRITABLE_BY_OTHERS = 0o022n;
const STICKY = 0o1000n;

/**
 * The real path of a directory that is there.
 * @throws HoldfastError `STORE_REFUSED` where somebody else could replace it, `SYSTEM` where it cannot be looked at
 */
export function safeRealPath(path: string, uid: number): string {
  let real: string;
  try {
    real = realpathSync(path);
  } catch (error) {
    throw systemError('look at', path, error);
  }
  for (let way = real; ; way = dirname(way)) {
    checkShared(lookAt(way), way, uid);
    if (way === '/') return real;
  }
}

/**
 * Enters a directory of our own, `name` in `parent`. One that others may read is as safe as ours are, 0700: what lies
 * in it are published programs.
 * @throws HoldfastError `STORE_REFUSED` where it is a link, no directory, another user's or was open to others
 */
export function enterOwn(parent: Directory, name: string, uid: number): Directory {
  const shown = parent.show(name);
  const directory = enter(parent, name);
  try {
    const { uid: owner, mode } = directory.stat();
    if (Number(owner) !== uid) {
      throw refused(
        shown,
        `belongs to user ${owner}, not to user ${uid} who runs this: somebody else made it`,
      );
    }
    if ((mode & WRITABLE_BY_OTHERS) !== 0n) {
      throw refused(shown, 'is writable by group or others: what is in it may be theirs');
    }
    return directory;
  } catch (error) {
    directory.close();
    throw error;
  }
}

/** Claims a directory of our own, 0700 whatever the umask; one that is there by now is for enterOwn to judge. */
export function makeOwn(parent: Directory, name: string): void {
  parent.attempt('make the directory', name, path => {
    try {
      mkdirSync(path, 0o700);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return;
      throw error;
    }
    chmodSync(path, 0o700); // nobody else can have replaced it: the parent is safe
  });
}

function checkShared({ uid: owner, mode }: BigIntStats, path: string, uid: number): void {
  if (owner !== 0n && Number(owner) !== uid) {
    throw refused(path, `belongs to user ${owner}, who could put anything in its place`);
  }
  if ((mode & WRITABLE_BY_OTHERS) !== 0n && (mode & STICKY) === 0n) {
    throw refused(
      path,
      'is writable by group or others and has no sticky bit: anything in it can be replaced',
    );
  }
}

function lookAt(path: string): BigIntStats {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    throw systemError('look at', path, error);
  }
}

function enter(parent: Directory, name: string): Directory {
  try {
    return parent.enter(name);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOTDIR' && errno !== 'ELOOP') throw error;
    throw refused(parent.show(name), 'is a symbolic link or no directory');
  }
}

function refused(path: string, why: string): HoldfastError {
  return new HoldfastError('STORE_REFUSED', `${quote(path)} ${why}`, { path });
}
