/**
 * The store's lock, `.lock`: one exclusive flock(2) for build and wipe.
 *
 * It guards the names in the store: who holds it may make, rename and remove entries. Recursion: none. Processes,
 * not threads. Held only for work on the disk, never while waiting for anything: not for an upgrade to settle, not
 * for a program's answer, not past the exec. It ends with `release` or with the process (the descriptor is
 * close-on-exec), so a crash never leaves it behind and nobody ever has to break it.
 *
 * The other lock, on a snapshot's own directory, says *live*: shared, taken by the launcher while it holds `.lock`
 * (in staging, or on the snapshot that is used again), inherited by the exec'ed lightningd and gone with the last
 * descriptor. A wipe needs it exclusively, without waiting.
 */

import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { systemError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { tryLock } from '../../linux/files/flock.ts';
import { monotonicMs, sleep } from '../../linux/time.ts';
import { LOCK_NAME } from './layout.ts';

const OPEN = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** How long to wait in silence, in ms; and between two tries. */
const SILENT_MS = 1000;
const POLL_MS = 10;

/** The held lock. */
export interface StoreLock {
  release(): void;
}

/** How long somebody waits for the lock. */
export interface Patience {
  /** ms */
  readonly lockMs: number;
  /** called once, after a second of waiting, with who holds it: `process 4711, which is stopped` */
  readonly lockWait: (holder: string) => void;
}

/**
 * Takes the store's lock. Whoever works in there is waited for.
 * @throws HoldfastError `LOCKED` where that takes longer than one has patience for, `SYSTEM`
 */
export async function lockStore(store: Directory, patience: Patience): Promise<StoreLock> {
  const fd = await patiently(store, () => openLock(store), patience);
  return { release: () => closeSync(fd) };
}

/** Tries again and again, until there is a value. @throws HoldfastError `LOCKED`, and what `attempt` throws */
export async function patiently<T>(
  store: Directory,
  attempt: () => T | undefined,
  { lockMs, lockWait }: Patience,
): Promise<T> {
  const started = monotonicMs();
  let said = false;
  for (;;) {
    const value = attempt();
    if (value !== undefined) return value;
    const waited = monotonicMs() - started;
    if (waited > SILENT_MS && !said) {
      said = true;
      const { describeHolder, lockHolder } = await import('./lock-holder.ts');
      lockWait(describeHolder(lockHolder(store)));
    }
    if (waited > lockMs) throw (await import('./lock-holder.ts')).stillLocked(store, waited);
    await sleep(POLL_MS);
  }
}

/** The descriptor that holds the lock, or undefined while somebody else does. */
function openLock(store: Directory): number | undefined {
  const fd = store.attempt('open', LOCK_NAME, path => openSync(path, OPEN, 0o600));
  try {
    if (tryLock(fd, 'exclusive') && isStillThere(store, fd)) return fd;
  } catch (error) {
    closeSync(fd);
    throw systemError('lock', store.show(LOCK_NAME), error);
  }
  closeSync(fd);
  return undefined;
}

/** Is the file that we locked the one that others will open? Somebody may have removed it meanwhile. */
function isStillThere(store: Directory, fd: number): boolean {
  const ours = fstatSync(fd, { bigint: true });
  const there = store.lstat(LOCK_NAME);
  return there !== undefined && there.ino === ours.ino && there.dev === ours.dev;
}
