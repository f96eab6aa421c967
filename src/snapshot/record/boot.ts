/**
 * What a record proves in another boot than its own.
 *
 * In the boot in which a file was hashed, its content may have come from memory: it was written a moment before, and
 * need not reach the disk when the power goes, though its size and times do. So what was recorded in one boot is read
 * once more in another. If its identity had not moved, then nobody has written to the file in the boot that reads it
 * (that moves the ctime), so what is read comes from the disk, and has been there since the identity was recorded. From
 * then on identity and content belong together for as long as the identity stays: it is settled, and believed in every
 * later boot. A settled identity is written without its device: those of btrfs, overlayfs, dm and loop devices are given
 * anew at each boot. Inode and ctime to the nanosecond are what tells files apart then; two file systems that agree in
 * these and in the size, the mtime, the owner and the mode are copies of one another, block by block, and so is the file.
 *
 * What would break it, and is never settled: an inode on a file system that is not known to keep inodes and fine ctimes
 * (lasting.ts), a ctime of whole seconds (images are made with such), a ctime that may reach the disk late (lazytime). It
 * is read once in each boot. What moves an identity (restored from a backup, another node's link) makes it a new one.
 * What remains: whoever overwrites a program in place, with its size as before, and loses power in the seconds in which
 * the content is on the disk and the ctime is not. And whoever writes to the disk itself, under the file system.
 *
 * Which boot it is: by the kernel's id, and where that is hidden or a container's own, by its clock, which begins at 0: a
 * lower one than the record's is another boot's. A higher one says nothing; then all is read, as in the same boot.
 */
import type { BigIntStats } from 'node:fs';
import { LastingFileSystems } from '../../linux/files/lasting.ts';
import { isBootIdOfContainer, kernelClockMs } from '../../linux/proc/boot-id.ts';
import { agrees, hasFineCtime, isSettled, settledOf } from './identity.ts';
import type { SnapshotRecord } from './record.ts';

/** Turns the identities of what was just read into those to record. */
export class Settling {
  readonly #inAnotherBoot: boolean;
  readonly #lasting = new LastingFileSystems();

  constructor(record: Pick<SnapshotRecord, 'bootId' | 'upMs'>, bootId: string) {
    this.#inAnotherBoot = isAnotherBoot(record, bootId);
  }

  /**
   * The identity to record for what was read in this boot, or believed.
   * @param before what the record has of it; undefined: nothing
   * @param now its identity before and after the reading
   * @param path where it is, absolute
   */
  identity(before: string | undefined, now: string, stat: BigIntStats, path: string): string {
    if (before === undefined || before === '' || now === '') return now;
    if (isSettled(before)) return agrees(before, now, false) ? before : now;
    const settled = settledOf(now);
    const isThatOne = this.#inAnotherBoot && settled === settledOf(before);
    return isThatOne && hasFineCtime(stat) && this.#lasting.has(path, stat.dev) ? settled : now;
  }
}

/** Is this certainly another boot of the kernel than the one in which the record was made? */
function isAnotherBoot({ bootId, upMs }: Pick<SnapshotRecord, 'bootId' | 'upMs'>, now: string): boolean {
  if (bootId !== '' && bootId === now) return false;
  if (bootId !== '' && now !== '' && !isBootIdOfContainer()) return true;
  const clock = kernelClockMs();
  return upMs !== null && clock !== undefined && clock < upMs;
}
