/** A package manager stopped in the middle, at a system call of our choice. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
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
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-strace-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const log = join(directory, 'log');
  const inject = `inject=${call.name}:signal=SIGSTOP:when=${call.nth}`;
  const strace = spawn('strace', ['-qq', '-o', log, '-e', `trace=${call.name}`, '-e', inject, ...command], {
    stdio: 'ignore',
  });
  const ended = new Promise<void>(resolve => strace.once('exit', () => resolve()));
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  await until('the package manager to stop', () => isOver || isStopped(log));
  const [pid] = isOver || strace.pid === undefined ? [] : childrenOf(strace.pid);
  if (pid === undefined) return undefined;
  return {
    kill: async () => {
      process.kill(pid, 'SIGKILL');
      await ended;
    },
    goOn: async () => {
      process.kill(pid, 'SIGCONT');
      await ended;
    },
  };
}

/** Stopped by the signal, as strace says in a line of its own: not for a moment at a system call, which looks the same. */
function isStopped(log: string): boolean {
  return existsSync(log) && readFileSync(log, 'latin1').includes('--- stopped by SIGSTOP ---');
}
