/**
 * The identity of a file or directory: what a record keeps of it to tell later, by one stat, that it was not changed.
 *
 * Why an identity proves content: every write moves the ctime, which no call can set. Except within one tick of the
 * clock that stamps it: a write that follows our read in the same tick leaves the ctime as it was. So a file whose
 * ctime is not clearly older than the moment the reading began is recorded without an identity, and so stays in doubt
 * (git calls such an index entry racy).
 */
import { type BigIntStats, lstatSync } from 'node:fs';

/** Device, inode, size, mtime and ctime: equal means that the file was not changed since, see above. */
export function identityOf(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}

/** The identity of a directory: whether names in it changed. Its ctime moves for less. */
export function directoryIdentityOf(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.mtimeNs}`;
}

/** The clock of the kernel's time stamps ticks every 1 to 10 ms (CONFIG_HZ); a file system may be coarser. */
export const TICK_NS = 10_000_000n;
const COARSE_NS = 2_000_000_000n;

/** Was the file changed so short before `readFrom` (ns since the epoch) that a later write could bear the same ctime? */
export function isRacy(stat: BigIntStats, readFrom: bigint): boolean {
  const granularity = stat.ctimeNs % 1_000_000_000n === 0n ? COARSE_NS : TICK_NS;
  return stat.ctimeNs + granularity >= readFrom;
}

/** The identity of a directory to compare with a record; undefined where there is none. */
export function directoryIdentity(path: string): string | undefined {
  const stat = lookAt(path);
  return stat?.isDirectory() === true ? directoryIdentityOf(stat) : undefined;
}

/** The identity of a file to compare with a record; undefined where there is none. */
export function fileIdentity(path: string): string | undefined {
  const stat = lookAt(path);
  return stat?.isFile() === true ? identityOf(stat) : undefined;
}

/** Undefined where it cannot be looked at: that proves nothing, and the build that follows says why. */
function lookAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
