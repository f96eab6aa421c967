/** flock(2): advisory locks on an open file description; they end with its last descriptor, so with the process. */
import { errnoOf } from '../../errors.ts';
import { call } from '../libc.ts';

const LOCK = { shared: 1, exclusive: 2 } as const;
const LOCK_NB = 4;

/** The two kinds of lock of flock(2): LOCK_SH and LOCK_EX. */
export type LockKind = keyof typeof LOCK;

const PROTOTYPE = 'int flock(int fd, int operation)';

/**
 * Takes the lock if nobody holds one that conflicts.
 * @returns false where somebody does (EWOULDBLOCK)
 * @throws SyscallError for anything else, e.g. ENOLCK on a network file system without locks
 */
export function tryLock(fd: number, kind: LockKind): boolean {
  try {
    call(PROTOTYPE, fd, LOCK[kind] | LOCK_NB);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return false;
    throw error;
  }
}
