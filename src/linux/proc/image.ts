/**
 * The file that a process executes, by /proc/PID/exe: a link that leads to the very inode, also when its path was
 * replaced, deleted, or lies in another mount namespace (proc_pid_exe(5)). So images are compared by device and inode;
 * the path is for people. Reading it needs PTRACE_MODE_READ_FSCREDS (ptrace(2)): one's own processes, or root.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import { errnoOf, systemError } from '../../errors.ts';
import { parseStat } from './stat.ts';

/** An executed file, as far as it can be known. */
export type Exe =
  | {
      readonly kind: 'file';
      readonly dev: bigint;
      readonly ino: bigint;
      /** Where it is or was, in the mount namespace of the process; not decoded where it is no UTF-8. */
      readonly path: string;
      /** That path no longer leads to it: it was unlinked, or replaced by a rename. */
      readonly deleted: boolean;
    }
  /** Another user's process, or one that may not be looked into. */
  | { readonly kind: 'unreadable'; readonly errno: string };

/** A file's identity on this machine, `<device>:<inode>`. */
export function inodeKey(file: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${file.dev}:${file.ino}`;
}

/**
 * What a process executes; `directory` is /proc/PID.
 * @returns undefined where it executes nothing: a zombie, a kernel thread, a process that is gone
 */
export function readExe(directory: string): Exe | undefined {
  try {
    const image = findImage(directory);
    if (image === undefined) return undefined;
    const { link, stat } = image;
    return { kind: 'file', dev: stat.dev, ino: stat.ino, ...placeOf(link, stat) };
  } catch (error) {
    if (isGone(error) || !exists(directory)) return undefined;
    return { kind: 'unreadable', errno: errnoOf(error) ?? 'EACCES' };
  }
}

/** An executed file, open for reading. The receiver closes `fd`. */
export interface OpenImage {
  readonly fd: number;
  readonly stat: BigIntStats;
}

/**
 * Opens the file that a process executes, also when it was replaced or deleted. The PID may have been given to another
 * process since it was listed: compare `stat` with what is expected.
 * @throws HoldfastError `SYSTEM`: ENOENT for a process that is gone, EACCES for another user's
 */
export function openImage(pid: number, proc = '/proc'): OpenImage {
  const path = `${proc}/${pid}/exe`;
  try {
    const fd = openSync(findImage(`${proc}/${pid}`)?.link ?? path, constants.O_RDONLY);
    try {
      return { fd, stat: fstatSync(fd, { bigint: true }) };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  } catch (error) {
    throw systemError('open the program of a process', path, error);
  }
}

/**
 * All PIDs that /proc shows, in no order, without the kernel's threads where those are known at once.
 * @throws HoldfastError `SYSTEM` where there is no /proc
 */
export function processIds(proc = '/proc'): number[] {
  let names: string[];
  try {
    names = readdirSync(proc);
  } catch (error) {
    throw systemError('list processes in', proc, error);
  }
  const kernels = kernelThreads(proc);
  const pids: number[] = [];
  for (const name of names) {
    const first = name.charCodeAt(0);
    if (first < 0x31 || first > 0x39 || kernels.has(name)) continue; // only PIDs begin with a digit
    pids.push(Number(name));
  }
  return pids;
}

/**
 * The children of kthreadd (PID 2 where /proc shows the whole machine), as one file lists them since Linux 3.5
 * (proc_tid_children(5)): the kernel's threads, of which a machine has a hundred or more, and for a moment the programs that
 * the kernel starts by itself. It may miss some: those are looked at like all others.
 */
function kernelThreads(proc: string): ReadonlySet<string> {
  try {
    if (parseStat(readFileSync(`${proc}/2/stat`, 'utf8'))?.kernelThread !== true) return new Set();
    return new Set(readFileSync(`${proc}/2/task/2/children`, 'utf8').split(' '));
  } catch {
    return new Set(); // no such process, or a kernel without CONFIG_PROC_CHILDREN
  }
}

/** True for the errnos of a process that ended while we looked: no directory, or no task behind an open one. */
export function isGone(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ESRCH';
}

/** The link that leads to an executed file, and what it leads to. */
export interface ImageLink {
  readonly link: string;
  readonly stat: BigIntStats;
}

/**
 * The file that a process executes (`directory` is /proc/PID), or undefined where there is none. A process whose first
 * thread has ended (pthread_exit(3) in main) looks like a zombie and has no exe of its own, while its other threads
 * run: they are asked then.
 * @throws EACCES where it may not be looked into, or has just ended; ENOENT, ESRCH where it is gone
 */
export function findImage(directory: string): ImageLink | undefined {
  const found = follow(`${directory}/exe`);
  if (found !== undefined) return found;
  const tasks = readdirSync(`${directory}/task`);
  if (tasks.length < 2) return undefined;
  for (const task of tasks) {
    const other = follow(`${directory}/task/${task}/exe`);
    if (other !== undefined) return other;
  }
  return undefined;
}

function follow(link: string): ImageLink | undefined {
  const stat = statSync(link, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? undefined : { link, stat };
}

const DELETED = ' (deleted)';

/** A file may truly be called `x (deleted)`: the suffix is the kernel's only if no such file is this one. */
function placeOf(link: string, image: BigIntStats): { path: string; deleted: boolean } {
  let path: string;
  try {
    path = readlinkSync(link);
  } catch (error) {
    if (isGone(error)) return { path: '', deleted: true }; // the process ended between the two calls
    throw error;
  }
  if (!path.endsWith(DELETED)) return { path, deleted: false };
  const named = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (named !== undefined && inodeKey(named) === inodeKey(image)) return { path, deleted: false };
  return { path: path.slice(0, -DELETED.length), deleted: true };
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
