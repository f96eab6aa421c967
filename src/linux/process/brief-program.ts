/**
 * Runs a program that should say something and end, and cannot be trusted to: with nothing on stdin, a bound on what it
 * says, a time limit, and a process group of its own that is killed whatever happens. Leaves no process behind, but one
 * that made itself a session of its own (setsid(2)) and outlives the program.
 * posix_spawn(3), since node:child_process costs 10 ms to load without a JIT (measured).
 */

import { closeSync, readSync } from 'node:fs';
import { errnoOf } from '../../errors.ts';
import { call } from '../libc.ts';
import { monotonicMs, sleep } from '../time.ts';
import { hasEnded, makePipe, sendSignal, spawn } from './spawn.ts';

/** How the program ended. */
export type BriefEnd = 'exited' | 'timed out' | 'said too much' | 'not executed';

/** What a program said. */
export interface BriefAnswer {
  /** its standard output, up to the bound */
  readonly output: Buffer;
  readonly end: BriefEnd;
  /** for `not executed`: the errno's name */
  readonly errno: string | undefined;
  /** for `exited`: its exit status, or 128 + the signal's number as a shell says it */
  readonly status: number | undefined;
}

/** Bounds for one program, and what counts as said. */
export interface BriefLimits {
  /** ms until it is killed */
  readonly ms: number;
  /** bytes of output after which it is killed */
  readonly bytes: number;
  /** its standard error counts as output too */
  readonly withErrors?: boolean;
}

const POLL_MS = 1;
const SIGKILL = 9;

/** Runs it to its end, or to its limits. @throws SyscallError where no pipe can be had */
export async function runBriefly(
  path: string,
  args: readonly string[],
  environment: readonly string[],
  limits: BriefLimits,
): Promise<BriefAnswer> {
  const [readEnd, writeEnd] = makePipe('non-blocking');
  let pid: number;
  try {
    pid = spawn({
      path,
      argv: [path, ...args].map(word => Buffer.from(word)),
      environment: environment.map(variable => Buffer.from(variable)),
      descriptors: [
        [0, 'null'],
        [1, writeEnd],
        [2, limits.withErrors === true ? writeEnd : 'null'],
      ],
      ownGroup: true,
    });
  } catch (error) {
    closeSync(readEnd);
    return { output: Buffer.alloc(0), end: 'not executed', errno: errnoOf(error), status: undefined };
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
  sendSignal(-pid, SIGKILL); // the group: while its leader is not waited for yet, the group's number is nobody else's
  const status = Buffer.alloc(4);
  call('int waitpid(int pid, void *status, int options)', pid, status, 0);
  closeSync(readEnd);
  return { output: reader.output(), end, errno: undefined, status: shellStatus(status.readInt32LE()) };
}

/** The macros of wait(2). */
function shellStatus(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
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
