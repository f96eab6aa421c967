/** What a launch does on a full disk: dead snapshots go first, and then it says which disk, what is needed and what is free. */
import { statfsSync } from 'node:fs';
import { errnoOf, HoldfastError, quote } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { freeBytes } from '../../linux/files/free-space.ts';
import { mountOfOpen } from '../../linux/proc/mountinfo.ts';
import { lockStore } from '../store/lock.ts';
import { listStore } from '../store/store.ts';
import { wipe } from '../store/wipe.ts';
import type { Source } from './source.ts';
import type { Observer, Terms } from './terms.ts';

/** What was wiped to make room, and what could not be. */
export interface Room {
  readonly wiped: string[];
  readonly warnings: string[];
}

/** Wipes every snapshot that nothing runs from. */
export async function makeRoom(store: Directory, terms: Terms, observer: Observer): Promise<Room> {
  observer.step('make-room');
  const lock = await lockStore(store, { ...terms, ...observer });
  try {
    const { staging, snapshots } = listStore(store);
    const warnings: string[] = [];
    return { wiped: await wipe(store, [...staging, ...snapshots], warnings), warnings };
  } finally {
    lock.release();
  }
}

/** The same error, with the disk, what is needed and what is free. */
export async function sayWhatIsFree(
  error: HoldfastError,
  store: Directory,
  source: Source,
): Promise<HoldfastError> {
  const mount = mountOfOpen(store.fd, store.path);
  const disk =
    mount === undefined ? '' : ` (${mount.source}, ${mount.fsType}, mounted on ${quote(mount.mountPoint)})`;
  const needed = inMegabytes(await source.neededBytes());
  const free = freeBytes(store.at());
  const { files, ffree } = statfsSync(store.at());
  const inodes = files === 0 ? '' : ` and ${ffree} inodes`;
  const quota = errnoOf(error) === 'EDQUOT' ? '; a quota is used up' : '';
  return new HoldfastError('SYSTEM', error.message, {
    path: error.path,
    syscall: error.syscall,
    errno: error.errno,
    cause: error,
    details: [
      `the disk of ${quote(store.path)}${disk} is full: up to ${needed} are needed, ` +
        `${free === undefined ? 'an unknown amount' : inMegabytes(free)}${inodes} are free${quota}`,
    ],
    hint: [
      ...error.hints,
      'no snapshot was left that could have been wiped: make room there',
      'or use a store elsewhere: --snapshot-dir=DIR',
    ],
  });
}

function inMegabytes(bytes: bigint): string {
  return `${(Number(bytes) / 1e6).toFixed(1)} MB`;
}
