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
 * Which of these are locked, and by whom. The kernel is asked for each file; only where a file may not be opened does
 * /proc/locks have to tell, which takes 6 to 10 ms to read (measured) and shows no holder of another PID namespace.
 * @param isLightningd tells for a PID whether that process looks like a node: needed where device numbers do not agree
 */
export function lockedPidFiles(
  files: readonly PidFile[],
  isLightningd: (pid: number) => boolean,
  proc = '/proc',
): LockedPidFile[] {
  let locks: HeldLock[] | undefined;
  return files.flatMap(file => {
    const stat = statOrNone(file.path);
    if (stat === undefined || !stat.isFile()) return [];
    const uid = Number(stat.uid);
    const answer = recordLockOn(file.path);
    if (answer !== undefined) return answer.held ? [{ file, pid: answer.pid, uid }] : [];
    locks ??= readLocks(proc) ?? [];
    const { certain, possible } = holdersOf(stat, locks);
    const holders = certain.length > 0 ? certain : possible.filter(isLightningd);
    return holders.map(pid => ({ file, pid, uid }));
  });
}

function statOrNone(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined; // removed meanwhile (lightningd does so when it ends), or closed to us
  }
}
