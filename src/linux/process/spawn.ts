/**
 * Starts child processes by posix_spawn(3), and takes them when they have ended. node:child_process does the same, but takes only words that are UTF-8, and costs 10 ms to load without a JIT (measured).
 */
import { errnoOf } from '../../errors.ts';
import { call, libc, SyscallError } from '../libc.ts';

/** The child to start. */
export interface SpawnRequest {
  readonly path: string;
  /** all of argv, argv[0] first */
  readonly argv: readonly Buffer[];
  readonly environment: readonly Buffer[];
  /** which descriptors it gets: its number, and ours (which may be the same) or /dev/null. Ours are all close-on-exec */
  readonly descriptors: readonly (readonly [its: number, ours: number | 'null'])[];
  /** in a process group of its own */
  readonly ownGroup: boolean;
}

/** How a process ended. */
export type Ended = { readonly status: number } | { readonly signal: NodeJS.Signals };

/** spawn.h, the same in glibc and musl */
const POSIX_SPAWN_SETPGROUP = 2;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;
/** More than posix_spawn_file_actions_t and posix_spawnattr_t take in glibc (80, 336) and musl. */
const OPAQUE_BYTES = 512;
const O_RDWR = 2;

/** Starts it, with every signal at its default action and none blocked. @returns its PID @throws SyscallError */
export function spawn({ path, argv, environment, descriptors, ownGroup }: SpawnRequest): number {
  const actions = Buffer.alloc(OPAQUE_BYTES);
  const attributes = Buffer.alloc(OPAQUE_BYTES);
  const signals = Buffer.alloc(128);
  const succeed = (prototype: string, ...args: unknown[]): void => {
    const errno = libc(prototype)(...args);
    if (errno !== 0) throw new SyscallError('posix_spawn', errno);
  };
  succeed('int posix_spawn_file_actions_init(void *actions)', actions);
  succeed('int posix_spawnattr_init(void *attributes)', attributes);
  try {
    const open =
      'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)';
    for (const [its, ours] of descriptors) {
      if (ours === 'null') succeed(open, actions, its, '/dev/null', O_RDWR, 0);
      // where both are the same, it is no longer close-on-exec (posix_spawn_file_actions_adddup2(3))
      else
        succeed('int posix_spawn_file_actions_adddup2(void *actions, int from, int to)', actions, ours, its);
    }
    const flags = (ownGroup ? POSIX_SPAWN_SETPGROUP : 0) | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    succeed('int posix_spawnattr_setflags(void *attributes, short flags)', attributes, flags);
    succeed('int posix_spawnattr_setpgroup(void *attributes, int group)', attributes, 0);
    succeed('int posix_spawnattr_setsigmask(void *attributes, const void *set)', attributes, signals);
    succeed(
      'int posix_spawnattr_setsigdefault(void *attributes, const void *set)',
      attributes,
      signals.fill(0xff, 0, 8),
    );
    const pid = Buffer.alloc(4);
    const prototype =
      'int posix_spawn(void *pid, const char *path, const void *actions, const void *attributes, void **argv, void **envp)';
    succeed(prototype, pid, path, actions, attributes, vector(argv), vector(environment));
    return pid.readInt32LE();
  } finally {
    libc('int posix_spawn_file_actions_destroy(void *actions)')(actions);
    libc('int posix_spawnattr_destroy(void *attributes)')(attributes);
  }
}

function vector(strings: readonly Buffer[]): unknown[] {
  return [...strings.map(string => Buffer.concat([string, Buffer.of(0)])), null];
}

/** A pipe of which neither end reaches another program but by `spawn`. @throws SyscallError */
export function makePipe(readEndIs?: 'non-blocking'): [readEnd: number, writeEnd: number] {
  const ends = Buffer.alloc(8);
  call('int pipe2(void *ends, int flags)', ends, O_CLOEXEC);
  const readEnd = ends.readInt32LE(0);
  if (readEndIs === 'non-blocking') {
    call('int fcntl(int fd, int command, int argument)', readEnd, F_SETFL, O_NONBLOCK);
  }
  return [readEnd, ends.readInt32LE(4)];
}

const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

/** kill(2), to a group where `pid` is negative. Nobody there, or nobody that may be sent one: nothing is done. */
export function sendSignal(pid: number, signal: number): void {
  try {
    call('int kill(int pid, int signal)', pid, signal);
  } catch (error) {
    // ESRCH: it has ended, or left its group; EPERM: all that is left is a set-id program's
    if (errnoOf(error) !== 'ESRCH' && errnoOf(error) !== 'EPERM') throw error;
  }
}

const WNOHANG = 1;

/** A child that has ended, and how. */
export interface Reaped {
  readonly pid: number;
  readonly ended: Ended;
}

/**
 * Takes the next child that has ended, whoever started it: a process with PID 1 gets those whose parents have gone.
 * @returns 'none yet' where all children live, 'no children' where there is none @throws SyscallError
 */
export function reapAny(): Reaped | 'none yet' | 'no children' {
  const status = Buffer.alloc(4);
  try {
    const pid = call('int waitpid(int pid, void *status, int options)', -1, status, WNOHANG);
    return pid === 0 ? 'none yet' : { pid, ended: endOf(status.readInt32LE()) };
  } catch (error) {
    if (errnoOf(error) === 'ECHILD') return 'no children';
    throw error;
  }
}

/** Is there a process with this PID, be it a zombie? */
export function isThere(pid: number): boolean {
  try {
    call('int kill(int pid, int signal)', pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

const P_PID = 1;
/** WNOHANG | WEXITED | WNOWAIT of waitid(2): look, and leave it to be waited for */
const LOOK = 1 | 4 | 0x01000000;

/** Has this child ended? It stays to be waited for. @throws SyscallError ECHILD where it is no child of ours */
export function hasEnded(pid: number): boolean {
  const info = Buffer.alloc(128); // siginfo_t, of which si_signo is the first field
  call('int waitid(int type, unsigned int id, void *info, int options)', P_PID, pid, info, LOOK);
  return info.readInt32LE() !== 0;
}

/** The macros of wait(2). */
function endOf(status: number): Ended {
  const signal = status & 0x7f;
  if (signal === 0) return { status: (status >> 8) & 0xff };
  const { signals } = process.getBuiltinModule('node:os').constants; // loading it takes 0.4 ms (measured): only where one ended so
  const name = Object.entries(signals).find(([, number]) => number === signal)?.[0];
  return { signal: (name ?? `SIG${signal}`) as NodeJS.Signals };
}
