/** What is said of a full disk, when no snapshot is left that could be wiped: which disk, what is needed and what is free. */
import { statfsSync } from 'node:fs';
import { errnoOf, HoldfastError, quote } from '../../errors.ts';
import { freeBytes } from '../../linux/files/free-space.ts';
import { mountOfOpen } from '../../linux/proc/mountinfo.ts';
import type { Plan } from './terms.ts';

/** The same error, with the disk, what is needed and what is free. */
export async function noRoomError(error: HoldfastError, { store, source }: Plan): Promise<HoldfastError> {
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
