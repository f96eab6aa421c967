/**
 * lightningd's PID files and who holds them locked. The lock says that a node runs; the number in the file is not
 * believed, a crash leaves it behind. Never writes, never takes a lock, never follows a symbolic link.
 */
import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { type HeldLock, holdersOf, readLocks } from '../linux/proc-locks.ts';
import { recordLockOn } from '../linux/record-lock.ts';

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

/**
 * Which of these are locked, and by whom. /proc/locks is asked first, which needs no binding. Where it names nobody, the
 * kernel is asked for that one file: on btrfs and overlayfs device numbers do not agree, and in containers holders are hidden.
 * @param isLightningd tells for a PID whether that process looks like a node: the last resort for a file that we may not open
 */
export function lockedPidFiles(
  files: readonly PidFile[],
  isLightningd: (pid: number) => boolean,
  proc = '/proc',
): LockedPidFile[] {
  if (files.length === 0) return [];
  const locks = readLocks(proc) ?? [];
  return files.flatMap(file => {
    const stat = statOrNone(file.path);
    if (stat === undefined || !stat.isFile()) return [];
    const uid = Number(stat.uid);
    return holders(file.path, stat, locks, isLightningd).map(pid => ({ file, pid, uid }));
  });
}

function holders(
  path: string,
  stat: BigIntStats,
  locks: readonly HeldLock[],
  isLightningd: (pid: number) => boolean,
): (number | undefined)[] {
  const { certain, possible } = holdersOf(stat, locks);
  if (certain.length > 0) return [...certain];
  const answer = recordLockOn(path);
  if (answer === undefined) return possible.filter(isLightningd);
  return answer.held ? [answer.pid] : [];
}

function statOrNone(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined; // removed meanwhile (lightningd does so when it ends), or closed to us
  }
}
