/**
 * Becomes another program, so that nothing about the process differs from a plain start but the live lock's
 * descriptor. What bin/holdfast (the shell) and Node change, and who puts it back:
 *
 * | changed                                | by    | put back by                                             |
 * |----------------------------------------|-------|---------------------------------------------------------|
 * | environment: PWD, names, order         | shell | execve with the caller's block, byte for byte           |
 * | NODE_* and the like, unset for our Node | shell | the same                                                |
 * | 0, 1, 2 and all others: close-on-exec   | Node  | FD_CLOEXEC cleared on those that the caller passed      |
 * | closed 0, 1, 2 opened on /dev/null     | Node  | FD_CLOEXEC set on those                                 |
 * | soft RLIMIT_NOFILE raised to the hard  | Node  | prlimit                                                 |
 * | SIGPIPE, SIGXFSZ ignored               | Node  | default action, unless the caller ignored them          |
 * | ignored signals reset to default       | Node  | ignored again                                           |
 * | a blocked SIGCHLD unblocked            | us    | the caller's mask                                       |
 *
 * Not touched by anybody: working directory, umask, terminal, nice, scheduler, session, namespaces, seccomp,
 * capabilities, the flags of open files (nothing here uses Node's streams, which would set O_NONBLOCK).
 */
import { errnoOf, HoldfastError, quote, systemError } from '../errors.ts';
import {
  duplicate,
  execve,
  ignoreSignal,
  setBlockedSignals,
  setCloseOnExec,
  setSoftDescriptorLimit,
  signalNumber,
  unblockSignal,
} from '../linux/process-state.ts';
import { type Inherited, splitStrings } from './inherited.ts';

/** The program to become. */
export interface Launch {
  /** absolute path */
  readonly file: string;
  /** all of argv, argv[0] first */
  readonly argv: readonly Buffer[];
  readonly inherited: Inherited;
  /** the environment where `inherited` has none */
  readonly environment?: Buffer | undefined;
  /** an open descriptor whose lock the program is to hold as long as it lives */
  readonly liveLock?: number | undefined;
}

/** The live lock's descriptor stays clear of 0 to 2 and of LISTEN_FDS, which count from 3 (sd_listen_fds(3)). */
const LEAST_LOCK_DESCRIPTOR = 10;

/** Node ignores these two; every other signal it sets to default (node.cc, PlatformInit). */
const IGNORED_BY_NODE = [signalNumber.SIGPIPE, signalNumber.SIGXFSZ];

/** Before a child is started: libuv waits for SIGCHLD, which the caller may have blocked. */
export function makeChildrenPossible({ blockedSignals }: Inherited): void {
  if (has(blockedSignals, signalNumber.SIGCHLD)) unblockSignal(signalNumber.SIGCHLD);
}

/**
 * Becomes the program. Returns only by throwing, with standard error still usable.
 * @throws HoldfastError `NOT_FOUND` (127) or `NOT_EXECUTABLE` (126), as a shell would say; `SYSTEM`
 */
export function launch({ file, argv, inherited, environment, liveLock }: Launch): never {
  const block = inherited.environment ?? environment ?? Buffer.alloc(0);
  try {
    if (liveLock !== undefined) duplicate(liveLock, LEAST_LOCK_DESCRIPTOR);
    restoreDescriptors(inherited);
    restoreSignals(inherited);
    if (inherited.nofileSoft !== undefined) setSoftDescriptorLimit(inherited.nofileSoft);
  } catch (error) {
    throw systemError('prepare the start of', file, error);
  }
  try {
    return execve(file, argv, splitStrings(block));
  } catch (error) {
    throw notExecuted(file, error);
  }
}

function restoreDescriptors({ closed, descriptors }: Inherited): void {
  for (const fd of [0, 1, 2]) setCloseOnExec(fd, closed.includes(fd));
  for (const fd of descriptors) setCloseOnExec(fd, false);
}

function restoreSignals({ ignoredSignals, blockedSignals }: Inherited): void {
  for (const signal of IGNORED_BY_NODE) ignoreSignal(signal, has(ignoredSignals, signal));
  for (let signal = 1; signal <= 64; signal++) if (has(ignoredSignals, signal)) ignoreSignal(signal, true);
  if (blockedSignals !== 0n) setBlockedSignals(blockedSignals);
}

function has(set: bigint, signal: number): boolean {
  return ((set >> BigInt(signal - 1)) & 1n) === 1n;
}

/** env(1), nohup(1) and the shell: 127 for a file that is not there, or whose interpreter is not; 126 for all else. */
function notExecuted(file: string, error: unknown): HoldfastError {
  const errno = errnoOf(error);
  if (errno === undefined) return systemError('execute', file, error);
  const missing = errno === 'ENOENT' || errno === 'ENOTDIR';
  return new HoldfastError(
    missing ? 'NOT_FOUND' : 'NOT_EXECUTABLE',
    `cannot execute ${quote(file)}: ${errno} (execve)`,
    {
      path: file,
      errno,
      syscall: 'execve',
      cause: error,
      hint: missing ? 'is its interpreter or dynamic loader installed? file(1) names it' : [],
    },
  );
}
