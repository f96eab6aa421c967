/** strace(1) on a process that runs already: its main thread alone, until `detach`. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { until } from './running.ts';

/** An attached strace. */
export interface Attached {
  /** the lines until now: one for each call, descriptors with what they are */
  lines(): string[];
  /** lets the process go on alone */
  detach(): Promise<void>;
}

/** Attaches; `filter` are strace's options: which calls, and what is done to them. */
export async function attach(pid: number, filter: readonly string[] = []): Promise<Attached> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-strace-'));
  const log = join(directory, 'log');
  const strace = spawn('strace', ['-p', String(pid), '-y', '-s', '128', '-o', log, ...filter], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  strace.stderr.setEncoding('utf8').on('data', text => (said += text));
  const closed = new Promise<void>(resolve => strace.once('close', () => resolve()));
  const detach = async () => {
    if (strace.exitCode === null && strace.signalCode === null) strace.kill('SIGINT');
    await closed;
  };
  onTestFinished(async () => {
    await detach();
    rmSync(directory, { recursive: true });
  });
  await until('strace to be attached', () => / attached/.test(said) || strace.exitCode !== null);
  return { lines: () => (existsSync(log) ? readFileSync(log, 'latin1').split('\n') : []), detach };
}
