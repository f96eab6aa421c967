/** A package manager stopped in the middle, at a system call of our choice. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { until } from './running.ts';
import { childrenOf } from './stand-in.ts';
import type { TracedCall } from './strace.ts';

/** One that stands still until it is ended. */
export interface Stopped {
  /** ends it by SIGKILL, as a power cut or an operator would, and waits until it is gone */
  kill(): Promise<void>;
  /** lets it go on, and waits for its end */
  goOn(): Promise<void>;
}

/** `count` of the calls, evenly spread. */
export function pointsOf(calls: readonly TracedCall[], count: number): TracedCall[] {
  return Array.from({ length: count }, (_, n) => calls[Math.floor((n * calls.length) / count)]!);
}

/** Runs the command until it is about to make the call, and stops it there; undefined where it ended before. */
export async function stopAt(call: TracedCall, command: readonly string[]): Promise<Stopped | undefined> {
  const inject = `inject=${call.name}:signal=SIGSTOP:when=${call.nth}`;
  const strace = spawn(
    'strace',
    ['-qq', '-o', '/dev/null', '-e', `trace=${call.name}`, '-e', inject, ...command],
    {
      stdio: 'ignore',
    },
  );
  const ended = new Promise<void>(resolve => strace.once('exit', () => resolve()));
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  let pid: number | undefined;
  await until('the package manager to stop', () => {
    pid = strace.pid === undefined || isOver ? undefined : childrenOf(strace.pid)[0];
    return isOver || (pid !== undefined && isStopped(pid));
  });
  if (isOver || pid === undefined) return undefined;
  const stopped = pid;
  return {
    kill: async () => {
      process.kill(stopped, 'SIGKILL');
      await ended;
    },
    goOn: async () => {
      process.kill(stopped, 'SIGCONT');
      await ended;
    },
  };
}

/** Stopped by a signal, not for a moment at a system call: that of a tracee shows as the same `t`, but does not stay. */
function isStopped(pid: number): boolean {
  for (let look = 0; look < 6; look++) {
    if (look > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    if (!/^State:\s+[tT]/m.test(statusOf(pid))) return false;
  }
  return true;
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return ''; // it has ended
  }
}
