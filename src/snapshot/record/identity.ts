/**
 * The identity of a file or directory: what a record keeps of it to tell later, by one stat, that it was not changed:
 * device, inode, mode, owner, group, size, mtime and ctime. What may be said across boots: boot.ts.
 *
 * Why an identity proves content: every write(2) moves the ctime, which no call can set. Except within one tick of the
 * clock that stamps it: a write that follows our read in the same tick leaves the ctime as it was. So a file whose
 * ctime is not clearly older than the moment the reading began is recorded without an identity, and so stays in doubt
 * (git calls such an index entry racy). A store through a shared mapping to a page that is dirty already moves nothing
 * either, until the page has been written back: SECURITY.md says what that leaves open.
 *
 * Of a directory they prove that names in it neither came nor went. Its mtime can be put back (tar, rsync, touch -r),
 * its ctime cannot; link(2) of a file in it does not move that, a chmod of it or its own renaming does: then it is
 * listed again, and no file read.
 */
import { type BigIntStats, lstatSync } from 'node:fs';

/** The identity of a file. Equal means that it was not changed since, see above. */
export function identityOf(stat: BigIntStats): string {
  const { dev, ino, mode, uid, gid, size, mtimeNs, ctimeNs } = stat;
  return `${dev}:${ino}:${mode}:${uid}:${gid}:${size}:${mtimeNs}:${ctimeNs}`;
}

/** The identity of a directory. Its size and its number of links are the file system's own affair. */
export function directoryIdentityOf({ dev, ino, mode, uid, gid, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${mode}:${uid}:${gid}:${mtimeNs}:${ctimeNs}`;
}

/** What stands in a settled identity (boot.ts) where others have the device. */
const ANY_DEVICE = '*';

/** The identity without its device: for what is believed in every boot. */
export function settledOf(identity: string): string {
  return ANY_DEVICE + withoutDevice(identity);
}

/** Is it believed in every boot? */
export function isSettled(identity: string): boolean {
  return identity.startsWith(ANY_DEVICE);
}

/**
 * Is a thing still what a record has of it?
 * @param now its identity; undefined where it is not there
 * @param sameBoot was the record made in this boot?
 */
export function agrees(recorded: string, now: string | undefined, sameBoot: boolean): boolean {
  if (recorded === '' || now === undefined) return false;
  return isSettled(recorded) ? withoutDevice(recorded) === withoutDevice(now) : sameBoot && recorded === now;
}

/** Are these the identities of one inode, whatever was changed of it? A settled one says nothing of the device. */
export function isSameInode(recorded: string, { dev, ino }: { readonly dev: bigint; readonly ino: bigint }) {
  return recorded.startsWith(`${dev}:${ino}:`) || recorded.startsWith(`${ANY_DEVICE}:${ino}:`);
}

/** Mode (without the kind of file) and owners in an identity; undefined in the empty one. */
export function ownerOf(identity: string): { mode: bigint; uid: bigint; gid: bigint } | undefined {
  const [, mode, uid, gid] = /^[^:]*:\d+:(\d+):(\d+):(\d+):/.exec(identity) ?? [];
  if (mode === undefined || uid === undefined || gid === undefined) return undefined;
  return { mode: BigInt(mode) & 0o7777n, uid: BigInt(uid), gid: BigInt(gid) };
}

function withoutDevice(identity: string): string {
  return identity.slice(identity.indexOf(':'));
}

/** The clock of the kernel's time stamps ticks every 1 to 10 ms (CONFIG_HZ); a file system may be coarser. */
export const TICK_NS = 10_000_000n;
const COARSE_NS = 2_000_000_000n;

/** Was it changed so short before `readFrom` (ns since the epoch) that a later change could bear the same ctime? */
export function isRacy(stat: BigIntStats, readFrom: bigint): boolean {
  return stat.ctimeNs + (hasFineCtime(stat) ? TICK_NS : COARSE_NS) >= readFrom;
}

/** Does its ctime say more than the second? Where none does, the file system keeps no more, or an image was made so. */
export function hasFineCtime({ ctimeNs }: BigIntStats): boolean {
  return ctimeNs % 1_000_000_000n !== 0n;
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
