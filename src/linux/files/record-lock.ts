/**
 * fcntl(2) F_GETLK: who holds a POSIX lock on a file, asked of the kernel itself. Unlike /proc/locks it also answers
 * when the holder is in a PID namespace that we cannot see. Only asks; never takes a lock. Loads koffi.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { errnoOf, systemError } from '../../errors.ts';
import { isLittleEndian as little } from '../byte-order.ts';
import { call } from '../libc.ts';

/** F_GETLK with 64-bit offsets: on 64-bit machines plain F_GETLK is that; on 32-bit ones it is F_GETLK64. */
const F_GETLK = { wide: 5, narrow: 12 } as const;
const F_WRLCK = 1;
const F_UNLCK = 2;

/** 32-bit machines, where `struct flock64` has l_start at 4 (ia32) or 8 (arm), and the PID after two 64-bit fields. */
const NARROW: Readonly<Record<string, { start: number }>> = { ia32: { start: 4 }, arm: { start: 8 } };

/** The answer: nobody, a process of ours to see, or somebody that we cannot see. */
export type RecordLock =
  | { readonly held: false }
  | {
      readonly held: true /** undefined: in another PID namespace, or on another machine */;
      readonly pid: number | undefined;
    };

/**
 * Whether anybody holds a POSIX lock on any part of a file.
 * @returns undefined where the file is gone or may not be read
 * @throws HoldfastError `SYSTEM`, `UNSUPPORTED`
 */
export function recordLockOn(path: string): RecordLock | undefined {
  let fd: number;
  try {
    // Opening cannot block (O_NONBLOCK: it may be a FIFO), and closing drops only locks of our own process: we have none.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ELOOP', 'ENXIO'].includes(errnoOf(error) ?? '')) return undefined;
    throw systemError('open', path, error);
  }
  try {
    return ask(fd);
  } catch (error) {
    throw systemError('ask for locks on', path, error);
  } finally {
    closeSync(fd);
  }
}

/** struct flock { short l_type; short l_whence; off_t l_start; off_t l_len; pid_t l_pid; } with l_len 0: to the end. */
function ask(fd: number): RecordLock {
  const narrow = NARROW[process.arch];
  const pidAt = (narrow?.start ?? 8) + 16;
  const flock = Buffer.alloc(pidAt + 8);
  if (little) flock.writeInt16LE(F_WRLCK, 0);
  else flock.writeInt16BE(F_WRLCK, 0);
  const command = narrow === undefined ? F_GETLK.wide : F_GETLK.narrow;
  call('int fcntl(int fd, int cmd, ...)', fd, command, 'void *', flock);
  const type = little ? flock.readInt16LE(0) : flock.readInt16BE(0);
  if (type === F_UNLCK) return { held: false };
  const pid = little ? flock.readInt32LE(pidAt) : flock.readInt32BE(pidAt);
  return { held: true, pid: pid > 0 ? pid : undefined }; // 0: not in our namespace; -1: an open file description's
}
