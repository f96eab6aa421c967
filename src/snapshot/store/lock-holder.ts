/** Who holds the store's lock: for the operator who waits for it. Only reads. */
import { readdirSync, readFileSync } from 'node:fs';
import { HoldfastError, quote, typed } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { type HeldLock, locksThrough, readLocks, splitDevice } from '../../linux/proc/locks.ts';
import { LOCK_NAME } from './layout.ts';

/** A process that holds it. */
export interface LockHolder {
  readonly pid: number;
  /** by a signal (SIGSTOP, Ctrl-Z) or a debugger: it will not let go by itself */
  readonly stopped: boolean;
}

/** The process that holds the lock; undefined where /proc shows none: it ended just now, or works in another container. */
export function lockHolder(store: Directory, proc = '/proc'): LockHolder | undefined {
  const lock = store.lstat(LOCK_NAME);
  if (lock === undefined) return undefined;
  const { major, minor } = splitDevice(lock.dev);
  const ours = (readLocks(proc) ?? locksOfAll(proc)).filter(
    ({ type, access, pid, ino }) => type === 'FLOCK' && access === 'WRITE' && pid > 0 && ino === lock.ino,
  );
  // on btrfs and overlayfs the kernel names another device than stat(2) does
  const held = ours.find(one => one.major === major && one.minor === minor) ?? ours[0];
  return held === undefined ? undefined : { pid: held.pid, stopped: isStopped(held.pid, proc) };
}

/** `process 4711, which is stopped`; `a process that /proc does not show`. */
export function describeHolder(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'a process that /proc does not show';
  return `process ${holder.pid}${holder.stopped ? ', which is stopped' : ''}`;
}

/** What the wait ends with. */
export function stillLocked(store: Directory, waitedMs: number): HoldfastError {
  const path = store.show(LOCK_NAME);
  const holder = lockHolder(store);
  const seconds = Math.round(waitedMs / 1000);
  return new HoldfastError(
    'LOCKED',
    `cannot lock the store: ${quote(path)} has been locked for ${seconds} s by ${describeHolder(holder)}`,
    { path, hint: remedies(holder, path) },
  );
}

function remedies(holder: LockHolder | undefined, path: string): string[] {
  if (holder === undefined)
    return [`find it where it runs: fuser -v ${typed(path)}; its end gives the lock back`];
  const end = `end it, which gives the lock back and harms no snapshot: kill ${holder.pid}`;
  return holder.stopped ? [`let it go on: kill -CONT ${holder.pid}`, `or ${end}`] : [end];
}

/** Where /proc/locks is not to be seen (subset=pid), what the descriptors of each process say of themselves. */
function locksOfAll(proc: string): HeldLock[] {
  const pids = readdirSync(proc).filter(name => /^\d+$/.test(name));
  return pids.flatMap(pid => [...locksThrough(Number(pid), Number.POSITIVE_INFINITY, proc)]);
}

function isStopped(pid: number, proc: string): boolean {
  try {
    return /^State:\s*[Tt]/m.test(readFileSync(`${proc}/${pid}/status`, 'latin1'));
  } catch {
    return false; // gone, or hidden
  }
}
