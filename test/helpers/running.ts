/**
 * Real processes for tests: started, waited for by condition, and ended by PID when the test is over. Never ends a
 * process that it did not start.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeSync } from 'fs-extra/esm';
import { call } from '../../src/linux/libc.ts';

/** What a test started and made; `end` in afterEach. */
export class Running {
  readonly #children: ChildProcess[] = [];
  readonly #directories: string[] = [];

  /** Starts a program in a process group of its own; resolves once the kernel has executed it. */
  async start(
    file: string,
    args: readonly string[] = [],
    options: SpawnOptions = {},
  ): Promise<ChildProcess & { pid: number }> {
    const child = spawn(file, args, { stdio: 'ignore', detached: true, ...options });
    this.#children.push(child);
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    return child as ChildProcess & { pid: number };
  }

  /** A directory that every user may enter. */
  directory(): string {
    const path = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
    chmodSync(path, 0o755);
    this.#directories.push(path);
    return path;
  }

  async end(): Promise<void> {
    for (const child of this.#children) {
      if (child.pid === undefined) continue;
      try {
        process.kill(-child.pid, 'SIGKILL'); // its group: the children too, which we started through it
      } catch {
        // ended by itself
      }
      await until('a process to end', () => child.exitCode !== null || child.signalCode !== null);
    }
    for (const path of this.#directories) removeSync(path);
    this.#children.length = 0;
    this.#directories.length = 0;
  }
}

/**
 * Polls until `condition` is neither false nor undefined, and gives it back; fails after ten seconds. One that takes its
 * time, because it starts a program, is asked less often: what is waited for needs the processor too.
 */
export async function until<T>(what: string, condition: () => T | false | undefined): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const asked = performance.now();
    const value = condition();
    if (value !== false && value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    const pause = Math.max(5, 4 * (performance.now() - asked));
    await new Promise(resolve => setTimeout(resolve, pause));
  }
}

/** A copy of /bin/sleep under another name: a real ELF program that does nothing. */
export function copyOfSleep(path: string): string {
  copyFileSync('/bin/sleep', path);
  chmodSync(path, 0o755);
  return path;
}

/** Writes an executable script. */
export function script(path: string, text: string): string {
  writeFileSync(path, text, { mode: 0o755 });
  chmodSync(path, 0o755);
  return path;
}

/** Whether a command line works here: for tests that need root, python3 or namespaces. */
export function works(file: string, ...args: string[]): boolean {
  return spawnSync(file, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;
}

/** Runs `work` with another effective uid and gid, and no other groups; puts them back when it has ended. Needs root. */
export function asUser<T>(uid: number, work: () => T): T {
  const groups = process.getgroups!();
  become(uid, []);
  let result: T;
  try {
    result = work();
  } catch (error) {
    become(0, groups);
    throw error;
  }
  if (!(result instanceof Promise)) {
    become(0, groups);
    return result;
  }
  return result.finally(() => become(0, groups)) as T;
}

/** By the C library: a Node that may use io_uring, Debian's for one, refuses to change its own ids. */
function become(uid: number, groups: readonly number[]): void {
  call('int seteuid(unsigned int uid)', 0);
  call(
    'int setgroups(size_t size, const void *list)',
    groups.length,
    Buffer.from(Uint32Array.from(groups).buffer),
  );
  call('int setegid(unsigned int gid)', uid);
  call('int seteuid(unsigned int uid)', uid);
}
