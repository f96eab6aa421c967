/**
 * Pinned files of a snapshot (pin.ts), as anybody but the launcher sees them: links that lead somewhere only while the
 * process lives that holds the descriptors. Tells a file that can be reached from one that is gone with its process,
 * and from one that this process may not look at. Only looks; follows no symbolic link but those.
 *
 * A PID may be another's by now: the record has the start of the process beside it, and the identity of each file.
 */
import { type BigIntStats, constants, openSync, readlinkSync, statSync } from 'node:fs';
import { errnoOf } from '../../errors.ts';
import { readProcFile } from '../../linux/proc/read-proc.ts';
import { parseStat } from '../../linux/proc/stat.ts';
import type { SnapshotRecord } from './record.ts';

/** What a pinned file's link says. */
export interface PinLink {
  readonly pid: number;
  readonly fd: number;
}

const LINK = /^\/proc\/([1-9]\d{0,9})\/fd\/(0|[1-9]\d{0,9})$/;

/** The pin that a path of a snapshot is; undefined where it is anything else, or nothing. */
export function pinAt(path: string): PinLink | undefined {
  try {
    const [, pid, fd] = LINK.exec(readlinkSync(path)) ?? [];
    return pid === undefined ? undefined : { pid: Number(pid), fd: Number(fd) };
  } catch {
    return undefined; // EINVAL: no symbolic link; ENOENT, EACCES: who needs the file finds that out
  }
}

/** Where a pin leads. */
export function targetOf({ pid, fd }: PinLink): string {
  return `/proc/${pid}/fd/${fd}`;
}

/**
 * The process that holds the pins of a snapshot:
 * - `here`: it lives;
 * - `ended`: it does not, or its number is another's by now;
 * - `closed`: it may not be looked at.
 * Without a record that names it, whoever has the number.
 */
export function holderOf(
  { pid }: PinLink,
  record: SnapshotRecord | undefined,
  bootId: string,
): 'here' | 'ended' | 'closed' {
  const { pinnedBy } = record ?? {};
  if (pinnedBy !== undefined && pinnedBy.pid !== pid) return 'ended';
  // '' where it cannot be read (ProcSubset=pid), by the node or by us: the start has to do then
  if (pinnedBy !== undefined && isAnotherBoot(record?.bootId, bootId)) return 'ended';
  try {
    const stat = parseStat(readProcFile(`/proc/${pid}/stat`).toString('latin1'));
    // a zombie holds no descriptors, unless only its first thread has ended
    if (stat === undefined || stat.state === 'X' || (stat.state === 'Z' && stat.threads < 2)) return 'ended';
    return pinnedBy === undefined || `${stat.startTicks}` === pinnedBy.startTicks ? 'here' : 'ended';
  } catch (error) {
    return errnoOf(error) === 'EACCES' || errnoOf(error) === 'EPERM' ? 'closed' : 'ended';
  }
}

function isAnotherBoot(recorded: string | undefined, now: string): boolean {
  return recorded !== '' && now !== '' && recorded !== now;
}

/** What a pin leads to. */
export type Reached =
  | { readonly stat: BigIntStats }
  /** no descriptor, or another file than was pinned */
  | { readonly found: string }
  /** the errno of looking */
  | { readonly closed: string };

/**
 * Looks through a pin.
 * @param identity of the pinned file, as the record has it; undefined or '': any regular file will do
 */
export function reach(pin: PinLink, identity: string | undefined): Reached {
  let stat: BigIntStats | undefined;
  try {
    stat = statSync(targetOf(pin), { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    return { closed: errnoOf(error) ?? 'no errno' };
  }
  if (stat === undefined) return { found: 'nothing' };
  if (!stat.isFile()) return { found: 'no regular file' };
  const inode = `${stat.dev}:${stat.ino}:`;
  return identity === undefined || identity === '' || identity.startsWith(inode)
    ? { stat }
    : { found: 'another file' };
}

/**
 * Opens a snapshot's file for reading: through its pin where it is pinned, else without following a link.
 * @throws the errno of open(2): ELOOP for any other symbolic link
 */
export function openPlaced(path: string): number {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const pin = pinAt(path);
  return openSync(
    pin === undefined ? path : targetOf(pin),
    pin === undefined ? flags | constants.O_NOFOLLOW : flags,
  );
}
