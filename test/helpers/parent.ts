/** Nodes under `run --on-upgrade`, and what is looked at from outside. */
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { HOLDFAST } from './holdfast.ts';
import { ageDirectories, isAlive, makePair, type Node, startNode, tempDir, upgrade } from './stand-in.ts';

/** A node whose parent is ended in an orderly way after the test: SIGKILL would leave the node behind. */
export async function startParent(...args: Parameters<typeof startNode>): Promise<Node> {
  const node = await startNode(...args);
  onTestFinished(async () => {
    if (isAlive(node.pid)) process.kill(node.pid, 'SIGTERM');
    await node.ended;
  });
  return node;
}

/** A node of `from` with a parent, `to` beside it, and a lightning-cli that no upgrade replaces. */
export async function makeWorld(
  options: readonly string[] = ['--on-upgrade=restart'],
  {
    args = [],
    env,
    from,
    to,
    program = HOLDFAST,
  }: {
    args?: readonly string[];
    env?: NodeJS.ProcessEnv;
    from?: string;
    to?: string;
    program?: string;
  } = {},
) {
  const dir = tempDir();
  const { installed, next } = makePair(dir, from, to);
  const cli = join(dir, 'lightning-cli');
  copyFileSync(installed.cli, cli);
  const node = await startParent({ ...installed, cli }, join(dir, 'lightning'), {
    command: [program, 'run', '--verbose', ...options, installed.lightningd],
    args,
    ...(env === undefined ? {} : { env }),
  });
  return { dir, installed, next, node };
}

/** The PID of lightningd, as it says it itself. */
export const lightningdOf = (node: Node) => Number(node.cli('pid').stdout.slice('ok '.length));

/** The version that answers; undefined where none does. */
export const versionOf = (node: Node) => {
  const { status, stdout } = node.cli('getinfo');
  return status === 0 ? JSON.parse(stdout).version : undefined;
};

/** How often a text has a part. */
export const count = (text: string, part: string) => text.split(part).length - 1;

/** Every process whose command line names this directory: its command line. */
export function processesIn(dir: string): string[] {
  return pidsIn(dir).flatMap(pid => commandLineOf(pid) ?? []);
}

/** The same by PID. */
export function pidsIn(dir: string): number[] {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name));
  return pids.map(Number).filter(pid => commandLineOf(pid)?.includes(dir));
}

function commandLineOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return undefined; // it has ended
  }
}

/** An upgrade whose directories look as if it had been complete for an hour: the gate need not wait two seconds for it. */
export function upgradeSettled(from: string, to: string, files?: string[]): void {
  upgrade('rename', from, to, files);
  ageDirectories(to);
}
