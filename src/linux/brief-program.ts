/**
 * Runs a program that should say something and end, and cannot be trusted to: with nothing on stdin, a bound on what it
 * says, a time limit, and a process group of its own that is killed whatever happens. Leaves no process behind, but one
 * that made itself a session of its own (setsid(2)) and outlives the program.
 * posix_spawn(3), since node:child_process costs 10 ms to load without a JIT (measured).
 */

import { closeSync, readSync } from 'node:fs';
import { errnoOf } from '../errors.ts';
import { monotonicMs } from './clock.ts';
import { call, libc, SyscallError } from './libc.ts';
import { sleep } from './sleep.ts';

/** How the program ended. */
export type BriefEnd = 'exited' | 'timed out' | 'said too much' | 'not executed';

/** What a program said. */
export interface BriefAnswer {
  /** its standard output, up to the bound */
  readonly output: Buffer;
  readonly end: BriefEnd;
  /** for `not executed`: the errno's name */
  readonly errno: string | undefined;
}

/** Bounds for one program. */
export interface BriefLimits {
  /** ms until it is killed */
  readonly ms: number;
  /** bytes of output after which it is killed */
  readonly bytes: number;
}

const POLL_MS = 1;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const SIGKILL = 9;
const P_PID = 1;
/** WNOHANG | WEXITED | WNOWAIT of waitid(2): look, and leave it to be waited for */
const LOOK = 1 | 4 | 0x01000000;

/** Runs it to its end, or to its limits. @throws SyscallError where no pipe can be had */
export async function runBriefly(
  path: string,
  args: readonly string[],
  environment: readonly string[],
  limits: BriefLimits,
): Promise<BriefAnswer> {
  const [readEnd, writeEnd] = makePipe();
  let pid: number;
  try {
    pid = spawn(path, [path, ...args], environment, writeEnd);
  } catch (error) {
    closeSync(readEnd);
    return { output: Buffer.alloc(0), end: 'not executed', errno: errnoOf(error) };
  } finally {
    closeSync(writeEnd);
  }
  const reader = new PipeReader(readEnd, limits.bytes);
  const deadline = monotonicMs() + limits.ms;
  let end: BriefEnd | undefined;
  while (end === undefined) {
    // in this order: what it wrote before it ended is in the pipe by then
    const ended = hasEnded(pid);
    reader.drain();
    if (reader.full) end = 'said too much';
    else if (ended) end = 'exited';
    else if (monotonicMs() > deadline) end = 'timed out';
    else await sleep(POLL_MS);
  }
  killGroup(pid); // while its leader is not waited for yet, the group's number is nobody else's
  call('int waitpid(int pid, void *status, int options)', pid, null, 0);
  closeSync(readEnd);
  return { output: reader.output(), end, errno: undefined };
}

/** Collects what is in a pipe, without waiting. */
class PipeReader {
  readonly #fd: number;
  readonly #buffer: Buffer;
  #length = 0;

  constructor(fd: number, bytes: number) {
    this.#fd = fd;
    this.#buffer = Buffer.alloc(bytes);
  }

  get full(): boolean {
    return this.#length === this.#buffer.length;
  }

  drain(): void {
    while (!this.full) {
      const read = readAvailable(this.#fd, this.#buffer, this.#length);
      if (read === 0) return;
      this.#length += read;
    }
  }

  output(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

function readAvailable(fd: number, buffer: Buffer, at: number): number {
  try {
    return readSync(fd, buffer, at, buffer.length - at, null);
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN' || errnoOf(error) === 'EINTR') return 0;
    throw error;
  }
}

/** The read end does not block; neither end reaches another program but as its stdout. */
function makePipe(): [number, number] {
  const ends = Buffer.alloc(8);
  call('int pipe2(void *ends, int flags)', ends, O_CLOEXEC);
  const read = ends.readInt32LE(0);
  call('int fcntl(int fd, int command, int argument)', read, 4 /* F_SETFL */, O_NONBLOCK);
  return [read, ends.readInt32LE(4)];
}

/** spawn.h, the same in glibc and musl */
const POSIX_SPAWN_SETPGROUP = 2;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;
/** More than posix_spawn_file_actions_t and posix_spawnattr_t take in glibc (80, 336) and musl. */
const OPAQUE_BYTES = 512;

function spawn(
  path: string,
  argv: readonly string[],
  environment: readonly string[],
  stdout: number,
): number {
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
    succeed(open, actions, 0, '/dev/null', 0, 0);
    succeed('int posix_spawn_file_actions_adddup2(void *actions, int from, int to)', actions, stdout, 1);
    succeed(open, actions, 2, '/dev/null', 1, 0);
    const flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    succeed('int posix_spawnattr_setflags(void *attributes, short flags)', attributes, flags);
    succeed('int posix_spawnattr_setpgroup(void *attributes, int group)', attributes, 0);
    succeed('int posix_spawnattr_setsigmask(void *attributes, const void *set)', attributes, signals);
    succeed(
      'int posix_spawnattr_setsigdefault(void *attributes, const void *set)',
      attributes,
      signals.fill(0xff, 0, 8),
    );
    const pid = Buffer.alloc(4);
    succeed(
      'int posix_spawn(void *pid, const char *path, const void *actions, const void *attributes, const char **argv, const char **envp)',
      pid,
      path,
      actions,
      attributes,
      [...argv, null],
      [...environment, null],
    );
    return pid.readInt32LE();
  } finally {
    libc('int posix_spawn_file_actions_destroy(void *actions)')(actions);
    libc('int posix_spawnattr_destroy(void *attributes)')(attributes);
  }
}

/** waitid(2) fills the siginfo_t, of which si_signo is the first field, if the child has ended. */
function hasEnded(pid: number): boolean {
  const info = Buffer.alloc(128);
  call('int waitid(int type, unsigned int id, void *info, int options)', P_PID, pid, info, LOOK);
  return info.readInt32LE() !== 0;
}

function killGroup(pid: number): void {
  try {
    call('int kill(int pid, int signal)', -pid, SIGKILL);
  } catch (error) {
    // ESRCH: the program has left its group; EPERM: all that is left of it is a set-id program's
    if (errnoOf(error) !== 'ESRCH' && errnoOf(error) !== 'EPERM') throw error;
  }
}
