/**
 * Looks at what is installed: `holdfast snapshot` as a child, so that the gate says whether an upgrade is complete, and
 * the new snapshot is there before anything is stopped.
 */
import { closeSync, readSync } from 'node:fs';
import { HoldfastError } from '../../errors.ts';
import type { Again } from '../../launch/again.ts';
import { makePipe } from '../../linux/process/spawn.ts';
import type { SnapshotResult } from '../snapshot.ts';
import type { Children } from './children.ts';
import { shown } from './notify.ts';

/** Takes the snapshot. @returns why there is none, as an error */
export async function lookAtInstalled(
  words: readonly Buffer[],
  children: Children,
): Promise<SnapshotResult | HoldfastError> {
  const [readEnd, writeEnd] = makePipe('non-blocking');
  let child: Again;
  try {
    child = children.startAgain(words, writeEnd);
  } finally {
    closeSync(writeEnd);
  }
  const ended = await child.ended;
  try {
    const result: unknown = JSON.parse(readAll(readEnd));
    if (isError(result)) return new HoldfastError('GATE', result.error.message);
    return result as SnapshotResult;
  } catch {
    return new HoldfastError('SYSTEM', `holdfast snapshot ended with ${shown(ended)}`);
  } finally {
    closeSync(readEnd);
  }
}

function isError(value: unknown): value is { error: { message: string } } {
  return typeof (value as { error?: { message?: unknown } } | null)?.error?.message === 'string';
}

/** All that is in a pipe whose writers have ended. */
function readAll(fd: number): string {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(65_536);
    const length = readSync(fd, chunk);
    if (length === 0) return Buffer.concat(chunks).toString();
    chunks.push(chunk.subarray(0, length));
  }
}
