/**
 * lightningd's PID files and who holds them locked. The lock says that a node runs; the number in the file is not
 * believed, a crash leaves it behind. Never writes, never takes a lock, never follows a symbolic link.
 */
import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { recordLockOn } from '../../linux/files/record-lock.ts';
import { type HeldLock, holdersOf, locksThrough, readLocks } from '../../linux/proc/locks.ts';

/** A PID file and the network it is for, where its name tells. */
export interface PidFile {
  readonly path: string;
  readonly network: string | undefined;
}

/** A PID file that somebody holds locked. */
export interface LockedPidFile {
  readonly file: PidFile;
  /** Undefined for a process of a PID namespace that is not ours, or of another machine. */
  readonly pid: number | undefined;
  /** Owner of the file. */
  readonly uid: number;
}

/** All `lightningd-<network>.pid` of a lightning-dir; none where it cannot be listed. */
export function pidFilesIn(lightningDir: string): PidFile[] {
  let names: string[];
  try {
    names = readdirSync(lightningDir);
  } catch {
    return []; // no lightning-dir yet, or another user's: the names of processes are the other witness
  }
  return names.sort().flatMap(name => {
    const network = /^lightningd-([^/]+)\.pid$/.exec(name)?.[1];
    return network === undefined ? [] : [{ path: `${lightningDir}/${name}`, network }];
  });
}

/** How many descriptors of a node are looked at: where its PID file is none of the first, the kernel is asked. */
const FIRST_DESCRIPTORS = 32;

/** A process that looks like a node, and the lightning-dir that its arguments name. */
export interface LikelyHolder {
  readonly pid: number;
  readonly lightningDir: string | undefined;
}

/**
 * Which of these are locked, and by whom. Processes that look like nodes of the file's directory are asked first, by their
 * descriptors; then the kernel, for each file; and only where a file may not be opened /proc/locks, which takes 6 to 10 ms to
 * read (measured) and shows no holder of another PID namespace.
 * @param lightningds the processes that look like nodes
 */
export function lockedPidFiles(
  files: readonly PidFile[],
  lightningds: readonly LikelyHolder[],
  proc = '/proc',
): LockedPidFile[] {
  let locks: HeldLock[] | undefined;
  return files.flatMap(file => {
    const stat = statOrNone(file.path);
    if (stat === undefined || !stat.isFile()) return [];
    const uid = Number(stat.uid);
    const directory = dirname(file.path);
    const own = lightningds.find(
      ({ pid, lightningDir }) => lightningDir === directory && holds(pid, stat, proc),
    );
    if (own !== undefined) return [{ file, pid: own.pid, uid }];
    const answer = recordLockOn(file.path);
    if (answer !== undefined) return answer.held ? [{ file, pid: answer.pid, uid }] : [];
    locks ??= readLocks(proc) ?? [];
    const { certain, possible } = holdersOf(stat, locks);
    // device numbers may not agree: then only what looks like a node is believed to hold it
    const named = (pid: number) => lightningds.some(one => one.pid === pid);
    const holders = certain.length > 0 ? certain : possible.filter(named);
    return holders.map(pid => ({ file, pid, uid }));
  });
}

function holds(pid: number, file: BigIntStats, proc: string): boolean {
  for (const lock of locksThrough(pid, FIRST_DESCRIPTORS, proc)) {
    if (holdersOf(file, [lock]).certain.includes(pid)) return true;
  }
  return false;
}

function statOrNone(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined; // removed meanwhile (lightningd does so when it ends), or closed to us
  }
}
