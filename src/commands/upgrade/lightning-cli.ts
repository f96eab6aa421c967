/** Asks a running node by the lightning-cli of its own snapshot. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { LightningOptions } from '../../lightning/config/lightning-options.ts';
import { splitStrings } from '../../linux/proc/read-proc.ts';
import type { Children } from './children.ts';
import { withOutput } from './output.ts';
import type { RunningNode } from './running-node.ts';

/** What came of it: its result, its error (JSON-RPC 2.0, section 5.1), or in words why there is neither. */
export type CliAnswer =
  | { readonly result: unknown }
  | { readonly code: number; readonly message: string }
  | { readonly failed: string };

/** Runs one command; never rejects. @param limitMs after that it is ended */
export async function askNode(
  node: RunningNode,
  words: readonly string[],
  { lightningDir, network, rpcFile }: LightningOptions,
  children: Children,
  limitMs: number,
): Promise<CliAnswer> {
  const cli = node.record.files.find(({ path }) => basename(path) === 'lightning-cli');
  if (cli === undefined) return { failed: 'its snapshot has no lightning-cli' };
  const path = `${node.path}/${cli.path}`;
  const where = [`--lightning-dir=${lightningDir}`, `--network=${network}`];
  if (rpcFile !== undefined) where.push(`--rpc-file=${rpcFile}`);
  const argv = [path, ...where, ...words];
  try {
    const { value: ended, output } = await withOutput(fd =>
      children.run({ path, argv, environment: environmentOf(node), output: fd }, limitMs),
    );
    if (ended === 'time') return { failed: `no answer for ${limitMs / 1000} s` };
    if ('status' in ended && ended.status === 0) return { result: parse(output) };
    return errorOf(parse(output)) ?? { failed: `lightning-cli ended with ${JSON.stringify(ended)}` };
  } catch (error) {
    return { failed: (error as Error).message }; // not there any more, or not to be started now
  }
}

/** The node's own: with what it finds its libraries by. Undefined where that is closed to us. */
function environmentOf({ pid }: RunningNode): Buffer[] | undefined {
  try {
    const strings = splitStrings(readFileSync(`/proc/${pid}/environ`));
    return strings.length === 0 ? undefined : strings;
  } catch {
    return undefined; // the caller's will do
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // `help` and the like answer in words
  }
}

/** lightning-cli prints what the node answered instead of a result, and ends with 1. */
function errorOf(value: unknown): { code: number; message: string } | undefined {
  const { code, message } = (value ?? {}) as { code?: unknown; message?: unknown };
  return typeof code === 'number' && typeof message === 'string' ? { code, message } : undefined;
}
