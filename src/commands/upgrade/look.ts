/**
 * Looks at what is installed: `holdfast snapshot` as a child, so that the gate says whether an upgrade is complete, and
 * the new snapshot is there before anything is stopped.
 */
import { HoldfastError } from '../../errors.ts';
import type { SnapshotResult } from '../snapshot.ts';
import type { Children } from './children.ts';
import { shown } from './notify.ts';
import { withOutput } from './output.ts';

/** How long it may take beside waiting for an upgrade to settle: slow disks hash a minute, and others hold the store's lock. */
const WORK_MS = 600_000;

/** The look that the operator's words ask for. */
export interface LookOptions {
  /** the words of `snapshot` */
  readonly snapshotWords: readonly Buffer[];
  /** its --settle, ms */
  readonly settleMs: number;
}

/**
 * Takes the snapshot.
 * @returns why there is none, as an error
 * @throws SyscallError where no child can be had now
 */
export async function lookAtInstalled(
  { snapshotWords, settleMs }: LookOptions,
  children: Children,
): Promise<SnapshotResult | HoldfastError> {
  const { value: ended, output } = await withOutput(fd =>
    children.limit(children.startAgain(snapshotWords, fd), settleMs + WORK_MS),
  );
  try {
    const result: unknown = JSON.parse(output);
    if (isError(result)) return new HoldfastError('GATE', result.error.message);
    return result as SnapshotResult;
  } catch {
    const why = 'holdfast itself may be gone, or be replaced just now';
    return new HoldfastError('SYSTEM', `holdfast snapshot did not answer (${shown(ended)}): ${why}`);
  }
}

function isError(value: unknown): value is { error: { message: string } } {
  return typeof (value as { error?: { message?: unknown } } | null)?.error?.message === 'string';
}
