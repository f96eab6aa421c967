/**
 * Installations and nodes of the stand-in Core Lightning for tests: real files, real processes.
 * All that is made here is gone when the test is over: nodes are ended by PID, directories removed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { StandIn } from '../../fixtures/stand-in/layout.js';
import { compile, makeCInstallation, makeLibraries } from '../../fixtures/stand-in/make-c.js';
import { until } from './running.ts';

export type { StandIn } from '../../fixtures/stand-in/layout.js';
export { ageDirectories } from '../../fixtures/stand-in/layout.js';
export { makeInstallation } from '../../fixtures/stand-in/make.js';
export { listFiles, UPGRADES, upgrade } from '../../fixtures/stand-in/upgrade.js';
export { makeCInstallation, makeLibraries };

/** Why the C stand-in cannot be had here, for `ctx.skip(noCompiler)`; undefined when it can. */
export function noCompiler(): string | undefined {
  const compiled = compile();
  return 'reason' in compiled ? compiled.reason : undefined;
}

/** A directory for this test alone (mode 0755, so that another user may enter), removed after it. */
export function tempDir(below = tmpdir()): string {
  const dir = mkdtempSync(join(realpathSync(below), 'holdfast-test-'));
  chmodSync(dir, 0o755);
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

/**
 * The same for files by the thousand that nobody executes, in memory where that can be had: an ext4 without a journal
 * looks for the inode of each new file among all that were freed in the last minutes.
 */
export function roomyDir(): string {
  return tempDir(hasRoom('/dev/shm') ? '/dev/shm' : undefined);
}

function hasRoom(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    const { bsize, bavail, ffree, type } = statfsSync(path);
    return type === TMPFS && bsize * bavail > 512 * 1024 * 1024 && ffree > 100_000;
  } catch {
    return false; // there is none
  }
}

/** statfs(2): TMPFS_MAGIC. */
const TMPFS = 0x01021994;

/** One C installation at `<dir>/usr`, and another version of it beside, ready to be upgraded to. */
export function makePair(dir: string, from = 'v25.12', to = 'v26.03'): { installed: StandIn; next: StandIn } {
  return {
    installed: makeCInstallation(dir, from),
    next: makeCInstallation(join(dir, 'next'), to),
  };
}

/** A process that a test has started; ended after the test if it still runs. */
export interface Running {
  readonly pid: number;
  /** all of its stdout and stderr until now */
  output(): string;
  /** how it ended: an exit status, or 128 + the signal's number as a shell says it */
  readonly ended: Promise<number>;
}

/** Starts a command. Its stdin is empty, its restart pause is short unless `env` says otherwise. */
export function start(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Running {
  const env = { STAND_IN_RESTART_SECONDS: '0.2', ...(options.env ?? process.env) };
  const child: ChildProcess = spawn(command, args, { ...options, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', text => (said += text));
  child.stderr?.setEncoding('utf8').on('data', text => (said += text));
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + signalNumber(signal)));
  });
  ended.catch(() => undefined); // a test that does not wait for the end does not care how it failed
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended.catch(() => undefined); // a command that never started has nothing to wait for
    child.stdout?.destroy();
    child.stderr?.destroy();
  });
  if (child.pid === undefined) return { pid: -1, output: () => said, ended };
  return { pid: child.pid, output: () => said, ended };
}

/** An installation in C, a lightning-dir that is not there yet, and the words that name both to holdfast. */
export function makeWorld() {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const lightningDir = join(dir, 'lightning');
  const place = `--lightning-dir=${lightningDir}`;
  return { dir, installed, lightningDir, place, words: [installed.lightningd, place] };
}

/** A lightningd that answers on its command socket. */
export interface Node extends Running {
  readonly lightningDir: string;
  /** runs `lightning-cli WORD…` against it */
  cli(...words: string[]): { status: number | null; stdout: string; stderr: string };
  /** what getinfo says; throws when it does not answer */
  info(): { version: string; network: string; pid: number; lightningd: string };
}

/**
 * Starts `command` (a lightningd, or something that becomes one) and waits until it answers.
 * `args` are added behind `--lightning-dir=<lightningDir>`.
 */
export async function startNode(
  standIn: StandIn,
  lightningDir: string,
  options: { command?: readonly string[]; args?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<Node> {
  const [program = standIn.lightningd, ...words] = options.command ?? [standIn.lightningd];
  const args = [`--lightning-dir=${lightningDir}`, ...(options.args ?? [])];
  const env = options.env === undefined ? {} : { env: options.env };
  const running = start(program, [...words, ...args], env);
  const node = nodeAt(standIn, lightningDir, args, running);
  const end = running.ended.then(status => {
    throw new Error(`ended with ${status} before it answered:\n${running.output()}`);
  });
  await Promise.race([end, until('the node to answer', () => node.cli('getinfo').status === 0)]);
  return node;
}

/** A node that some other process started: with `--daemon`, or in a container. */
export function nodeAt(
  standIn: StandIn,
  lightningDir: string,
  args: readonly string[],
  running: Running,
): Node {
  const cli = (...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(
      standIn.cli,
      [`--lightning-dir=${lightningDir}`, ...args, ...words],
      {
        encoding: 'utf8',
        timeout: 20_000,
      },
    );
    return { status, stdout, stderr };
  };
  const info = () => JSON.parse(cli('getinfo').stdout);
  return { ...running, lightningDir, cli, info };
}

/** Kills a process after the test if it still runs: one that a test's own process left behind, with `--daemon`. */
export function endAfterTest(pid: number): void {
  onTestFinished(() => {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
}

/** The live children of a process, by the file of /proc that the kernel keeps for it. */
export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

/** Whether a process is there and no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false; // ENOENT or ESRCH: it is gone
  }
}

/** A signal's number by its name, for the few that tests send. */
function signalNumber(signal: NodeJS.Signals | null): number {
  const numbers: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
  return (signal === null ? undefined : numbers[signal]) ?? 0;
}
