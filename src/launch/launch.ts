/**
 * Becomes another program, so that nothing about the process differs from a plain start but the live lock's
 * descriptor, LD_LIBRARY_PATH where libraries are held, and the descriptors that `--method=pin` holds open. What bin/holdfast (the shell) and Node change, and who puts it back:
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
import { existsSync } from 'node:fs';
import { HoldfastError, systemError } from '../errors.ts';
import { readProcFile, splitStrings } from '../linux/proc/read-proc.ts';
import {
  duplicate,
  execve,
  ignoreSignal,
  setBlockedSignals,
  setCloseOnExec,
  setSoftDescriptorLimit,
  unblockSignal,
} from '../linux/process/state.ts';
import type { Inherited } from './inherited.ts';
import { withLibraryPath } from './library-path.ts';

/** The program to become. */
export interface Launch {
  /** absolute path */
  readonly file: string;
  /** all of argv, argv[0] first */
  readonly argv: readonly Buffer[];
  /** an open descriptor whose lock the program is to hold as long as it lives */
  readonly liveLock?: number | undefined;
  /** a directory to put before the caller's own LD_LIBRARY_PATH */
  readonly libraryPath?: string | undefined;
  /** other descriptors that it is to have */
  readonly keepOpen?: readonly number[] | undefined;
  /** the last thing to do in this process; what it throws is said as the exec's failure is */
  readonly atLast?: (() => void) | undefined;
}

/** The live lock's descriptor stays clear of 0 to 2 and of LISTEN_FDS, which count from 3 (sd_listen_fds(3)). */
const LEAST_LOCK_DESCRIPTOR = 10;

/** signal(7), on every machine that koffi is built for. */
const SIGPIPE = 13;
const SIGCHLD = 17;
const SIGXFSZ = 25;

/** Node ignores these two; every other signal it sets to default (node.cc, PlatformInit). */
const IGNORED_BY_NODE = [SIGPIPE, SIGXFSZ];

/** Before a child is started: libuv waits for SIGCHLD, which the caller may have blocked. */
export function makeChildrenPossible({ blockedSignals }: Inherited): void {
  if (has(blockedSignals, SIGCHLD)) unblockSignal(SIGCHLD);
}

/**
 * Becomes the program, with what this process has inherited as its own caller left it. Returns only by throwing, with standard error still usable.
 * @throws HoldfastError `NOT_FOUND` (127) or `NOT_EXECUTABLE` (126), as a shell would say; `SYSTEM`
 */
export function launch(
  { file, argv, liveLock, libraryPath, keepOpen = [], atLast }: Launch,
  inherited: Inherited,
): never {
  const kept = [...keepOpen];
  try {
    if (liveLock !== undefined) kept.push(duplicate(liveLock, LEAST_LOCK_DESCRIPTOR));
    for (const fd of kept) setCloseOnExec(fd, false);
    restoreDescriptors(inherited);
    restoreSignals(inherited);
    if (inherited.nofileSoft !== undefined) setSoftDescriptorLimit(inherited.nofileSoft);
    atLast?.();
  } catch (error) {
    for (const fd of kept) setCloseOnExec(fd, true);
    throw systemError('prepare the start of', file, error);
  }
  try {
    const environment = splitStrings(inherited.environment ?? readProcFile('/proc/self/environ'));
    return execve(
      file,
      argv,
      libraryPath === undefined ? environment : withLibraryPath(environment, libraryPath),
    );
  } catch (error) {
    ignoreSignal(SIGPIPE, true); // the error is still to be said, be it to nobody
    for (const fd of kept) setCloseOnExec(fd, true); // another program may be tried: it is to hold nothing of this one's
    throw executeError(file, error);
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

/**
 * env(1), nohup(1) and the shell: 127 for a file that is not there, 126 for all else. execve(2) answers ENOENT too for
 * a file that is there and whose interpreter is not.
 */
function executeError(file: string, error: unknown): HoldfastError {
  const failed = systemError('execute', file, error);
  const missing = failed.errno === 'ENOENT' || failed.errno === 'ENOTDIR';
  const interpreter = missing && existsSync(file);
  return new HoldfastError(missing && !interpreter ? 'NOT_FOUND' : 'NOT_EXECUTABLE', failed.message, {
    path: file,
    errno: failed.errno,
    syscall: 'execve',
    cause: error,
    hint: interpreter ? 'its interpreter or dynamic loader is not installed: file(1) names it' : [],
  });
}
