/**
 * strace(1) for tests: lists the system calls that a command makes on paths below given directories, and makes the
 * nth call of a kind fail or kill. Counts are per thread, so only calls of the main thread are offered: bin/holdfast's
 * shell, Node's main thread and lightningd are one and the same PID.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf } from './stand-in.ts';

/** A system call on something of ours: the nth of its name in the main thread. */
export interface TracedCall {
  readonly name: string;
  readonly nth: number;
  /** the line of strace, for messages */
  readonly line: string;
}

/** How a traced command ended. */
export interface Traced {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why strace cannot be used here; undefined when it can. */
export function noStrace(): string | undefined {
  const { status, error, stderr } = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], {
    encoding: 'utf8',
  });
  if (error !== undefined) return 'strace is not installed';
  return status === 0 ? undefined : `strace cannot trace here: ${stderr.trim().split('\n')[0]}`;
}

/** Lists the main thread's calls whose line names one of `paths`, in order. */
export function callsOn(paths: readonly string[], command: readonly string[]): TracedCall[] {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-strace-'));
  try {
    const log = join(directory, 'log');
    const { status } = spawnSync('strace', ['-f', '-y', '-s', '256', '-o', log, ...command], {
      timeout: 60_000,
    });
    if (status === null) throw new Error('the traced command did not end');
    const lines = readFileSync(log, 'latin1').split('\n');
    const main = /^(\d+)/.exec(lines[0] ?? '')?.[1];
    const counts = new Map<string, number>();
    const calls: TracedCall[] = [];
    for (const line of lines) {
      const [, pid, name] = /^(\d+)\s+([a-z_0-9]+)\(/.exec(line) ?? [];
      if (pid !== main || name === undefined) continue;
      const nth = (counts.get(name) ?? 0) + 1;
      counts.set(name, nth);
      if (paths.some(path => line.includes(path))) calls.push({ name, nth, line });
    }
    return calls;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/**
 * Runs the command with one call tampered with: `error=EIO`, or `signal=KILL`. The shell reads the kernel's text in
 * /proc byte by byte, so that counts of read(2) differ a little from run to run: `missed` is whether the call was one
 * after the command had become the snapshot's lightningd, or on the descriptor of something that is not in `dir`
 * (libuv aborts where its own eventfd fails).
 * `isHit`: the main thread made it.
 * @param path calls on this path alone count: their number does not change with what else there is to look at
 */
export function inject(
  call: Pick<TracedCall, 'name' | 'nth'>,
  what: string,
  dir: string,
  command: readonly string[],
  path?: string,
): Traced & { readonly missed: boolean; readonly isHit: boolean } {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-strace-'));
  try {
    const log = join(directory, 'log');
    const filter = ['-e', `trace=${call.name},execve`, '-e', `inject=${call.name}:${what}:when=${call.nth}`];
    if (path !== undefined) filter.push('-P', path);
    // The kernel itself picks the traced calls, so that the others, most of a start of Node, run without a stop. Not by
    // their paths; and strace 6.1 sends no signal then.
    if (path === undefined && what.startsWith('error=')) filter.push('--seccomp-bpf');
    const { status, signal, stdout, stderr } = spawnSync(
      'strace',
      ['-f', '-y', '--quiet=all', '-o', log, ...filter, ...command],
      {
        encoding: 'utf8',
        timeout: 60_000,
      },
    );
    const lines = readFileSync(log, 'latin1').split('\n');
    const main = `${/^\d+/.exec(lines[0] ?? '')?.[0]} `;
    const mains = lines.filter(line => line.startsWith(main));
    const at = mains.findIndex(line => line.includes('(INJECTED)'));
    const descriptor = /^\d+ +\w+\(\d+<(.*?)>/.exec(beginningOf(mains, at))?.[1];
    const missed =
      mains.slice(0, Math.max(at, 0)).some(line => /execve\(".*\/subdaemons\//.test(line)) ||
      (descriptor !== undefined && !descriptor.startsWith(dir));
    return { status, signal, stdout, stderr, missed, isHit: at !== -1 };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The line that names what a call is about: where threads take turns, strace writes its end on another one. */
function beginningOf(lines: readonly string[], at: number): string {
  const line = lines[at] ?? '';
  return line.includes(' resumed>')
    ? (lines.slice(0, at).findLast(one => one.endsWith('<unfinished ...>')) ?? line)
    : line;
}

/**
 * Runs the command, stops it with SIGSTOP right after a call, calls `meanwhile`, and lets it go on: a barrier in a
 * process that knows nothing of it. `meanwhile` is not called where the command ended before that call.
 * `isHit`: the main thread made it.
 * @param path calls on this path alone count: their number does not change with how busy the machine is
 */
export async function stopAfter(
  call: Pick<TracedCall, 'name' | 'nth'>,
  command: readonly string[],
  meanwhile: () => Promise<void> | void,
  path?: string,
): Promise<Traced> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-strace-'));
  const log = join(directory, 'log');
  const filter = ['-e', `trace=${call.name}`, '-e', `inject=${call.name}:signal=STOP:when=${call.nth}`];
  if (path !== undefined) filter.push('-P', path);
  const strace = spawn('strace', ['-f', '-qq', '-o', log, ...filter, ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  let [stdout, stderr] = ['', ''];
  strace.stdout.setEncoding('utf8').on('data', text => (stdout += text));
  strace.stderr.setEncoding('utf8').on('data', text => (stderr += text));
  const closed = new Promise<void>(resolve => strace.once('close', () => resolve()));
  const ended = () => strace.exitCode !== null || strace.signalCode !== null;
  const isMain = (pid: number) => childrenOf(strace.pid!).includes(pid);
  try {
    const woken = new Set<number>();
    while (!ended()) {
      const stopped = existsSync(log)
        ? readFileSync(log, 'latin1').matchAll(/^(\d+)\s+--- stopped by SIGSTOP/gm)
        : [];
      for (const pid of new Set([...stopped].map(([, digits]) => Number(digits)))) {
        if (woken.has(pid)) continue;
        woken.add(pid);
        if (isMain(pid)) await meanwhile(); // else it is a child in its own nth call
        wake(pid);
      }
      await sleep(5);
    }
    await closed;
    return { status: strace.exitCode, signal: strace.signalCode, stdout, stderr };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A child may have been killed with its parent meanwhile. */
function wake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
