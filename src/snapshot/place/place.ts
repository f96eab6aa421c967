/**
 * Places one file of the installation into a snapshot, by the first method that works: hard link, reflink, copy.
 * Never follows a symbolic link, never replaces a file that is there. A file that must be copied is only opened
 * here: the builder fills it in the pass that hashes it.
 * Methods and their errnos: link(2), ioctl_ficlone(2).
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  unlinkSync,
} from 'node:fs';
import { errnoOf, errnoWords, HoldfastError, quote, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { cloneFile } from '../../linux/files/reflink.ts';
import { type Method, type Placement, placementsBy } from '../record/placement.ts';
import { isHeldLibrary } from '../store/layout.ts';
import { type Owners, whyNeverLinked } from './linkable.ts';

/** The file to place: its path in the snapshot, where it is now, and what it was when it was listed. */
export interface PlaceRequest {
  readonly path: string;
  readonly source: string;
  readonly stat: BigIntStats;
  readonly mode: '100755' | '100644';
}

/**
 * A placed file; for a copy the two open descriptors, empty target and source, that the builder copies between; for a
 * pinned one (pin.ts) the descriptor that its link leads to.
 */
export type Placed =
  | { readonly placement: 'hardlink' | 'reflink' }
  | { readonly placement: 'pin'; readonly pin: number }
  | { readonly placement: 'copy'; from: number; to: number };

/** link(2): these mean that a hard link cannot be had here, not that something is wrong. */
const NO_HARDLINK: ReadonlySet<string> = new Set([
  'EXDEV', // another file system, or another mount of the same one
  'EPERM', // the file system has none; fs.protected_hardlinks (proc_sys_fs(5)); immutable or append-only source
  'EACCES', // a security module forbids it
  'EMLINK', // the source has as many as the file system allows
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS', // a seccomp filter
]);

/** ioctl_ficlone(2): these mean that no reflink can be had here. */
const NO_REFLINK: ReadonlySet<string> = new Set([
  'EOPNOTSUPP', // the file system has none
  'ENOTSUP',
  'EXDEV', // another file system
  'EINVAL', // not for this kind of file or block size
  'ENOTTY', // the file system knows no such ioctl
  'EPERM', // a seccomp filter, a swap or immutable file
  'EACCES',
  'ENOSYS',
]);

/** What placing one file has taught about the next ones. */
export interface Learnt {
  /** why links look unlike their sources on this file system: no more are tried */
  unlike?: string;
}

/**
 * Places a file; one that cannot be pinned by the first method that works.
 * @param owners of the store and the directory that it is in: only what both own is linked
 * @param learnt of one attempt at a snapshot, from one file to the next
 * @throws HoldfastError `PLACEMENT` where the method asked for is not possible, `SYSTEM` where a call fails,
 *   `BAD_SOURCE` where the source is not the file that was listed
 */
export function placeFile(
  staging: Directory,
  file: PlaceRequest,
  method: Method,
  owners: Owners,
  learnt: Learnt = {},
): Exclude<Placed, { placement: 'pin' }> {
  const allowed = placementsBy(method, isHeldLibrary(file.path));
  if (allowed.includes('hardlink')) {
    const refusal = whyNeverLinked(file.stat, owners) ?? tryHardlink(staging, file, learnt);
    if (refusal === undefined) return { placement: 'hardlink' };
    if (!allowed.includes('reflink')) throw impossible('hardlink', file, refusal);
  }
  const from = openSource(file);
  try {
    const to = staging.attempt('create', file.path, path => openSync(path, CREATE, 0o600));
    try {
      if (allowed.includes('reflink')) {
        const refusal = tryReflink(from, to, staging.show(file.path));
        if (refusal === undefined) {
          finishFile(to, file, staging);
          closeSync(to);
          closeSync(from);
          return { placement: 'reflink' };
        }
        if (!allowed.includes('copy')) throw impossible('reflink', file, refusal);
      }
      return { placement: 'copy', from, to };
    } catch (error) {
      closeSync(to);
      throw error;
    }
  } catch (error) {
    closeSync(from);
    throw error;
  }
}

/** Gives a file of ours its final mode. The set-id bits are never among them. */
export function finishFile(fd: number, file: PlaceRequest, staging: Directory): void {
  staging.attempt('change the mode of', file.path, () =>
    fchmodSync(fd, file.mode === '100755' ? 0o755 : 0o644),
  );
}

const CREATE = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

function tryHardlink(staging: Directory, file: PlaceRequest, learnt: Learnt): string | undefined {
  if (learnt.unlike !== undefined) return learnt.unlike;
  try {
    linkSync(file.source, staging.at(file.path));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== undefined && NO_HARDLINK.has(errno)) return `link(2): ${errnoWords(error)}`;
    throw systemError('link', file.source, error);
  }
  const link = staging.lstat(file.path);
  if (link === undefined) throw replaced(file);
  const difference = differenceOf(link, file.stat);
  if (difference === undefined) return undefined;
  const source = lookAt(file.source);
  if (source === undefined || !isSame(source, file.stat)) throw replaced(file);
  staging.attempt('take back the link', file.path, path => unlinkSync(path));
  learnt.unlike = `the file system shows a link with another ${difference} than its source's`;
  return learnt.unlike;
}

/**
 * What is different about a link to a file that is still the same: file systems in user space may give each name an inode
 * of its own (mergerfs, unionfs-fuse), or have a wrong size for a second (gocryptfs: that of the encrypted file).
 */
function differenceOf(link: BigIntStats, listed: BigIntStats): string | undefined {
  if (!isSame(link, listed)) return 'inode';
  if (link.size !== listed.size) return 'size';
  return link.mtimeNs === listed.mtimeNs ? undefined : 'mtime';
}

function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

function lookAt(source: string): BigIntStats | undefined {
  try {
    return lstatSync(source, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    throw systemError('look at', source, error);
  }
}

/**
 * Opens the very file that was listed; one that was swapped meanwhile, for a FIFO say, is found out without a hang.
 * @throws HoldfastError `BAD_SOURCE` (errno ESTALE) where it is another, `SYSTEM`
 */
export function openSource(file: PlaceRequest): number {
  let fd: number;
  try {
    fd = openSync(file.source, READ);
  } catch (error) {
    if (errnoOf(error) === 'ELOOP') throw replaced(file);
    throw systemError('open', file.source, error);
  }
  try {
    const stat = fstatSync(fd, { bigint: true });
    if (stat.isFile() && isSame(stat, file.stat)) return fd;
  } catch (error) {
    closeSync(fd);
    throw systemError('look at', file.source, error);
  }
  closeSync(fd);
  throw replaced(file);
}

function tryReflink(from: number, to: number, shown: string): string | undefined {
  try {
    cloneFile(from, to);
    return undefined;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== undefined && NO_REFLINK.has(errno)) return `ioctl_ficlone(2): ${errnoWords(error)}`;
    throw systemError('reflink', shown, error);
  }
}

function impossible(method: Placement, file: PlaceRequest, reason: string): HoldfastError {
  return new HoldfastError('PLACEMENT', `cannot place ${quote(file.source)} by ${method}: ${reason}`, {
    path: file.source,
    hint: 'without --method each file is placed by the first of hardlink, reflink and copy that works',
  });
}

/** The path means another file by now. The builder throws the snapshot away and tries again. */
function replaced(file: PlaceRequest): HoldfastError {
  return new HoldfastError('BAD_SOURCE', `${quote(file.source)} was replaced while the snapshot was made`, {
    path: file.source,
    errno: 'ESTALE',
  });
}
