/** Finds lightningd, be it gone for a moment: what waits is loaded only then. */
import { HoldfastError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { findTarget, type Target, type TimelyOptions } from './target.ts';

const GONE: ReadonlySet<string> = new Set(['NOT_FOUND', 'NOT_EXECUTABLE']);

/**
 * As findTarget; where lightningd is gone for a moment, this waits for it, and where it lost its execute bits through a
 * snapshot, the error says so. @throws HoldfastError
 */
export async function findTargetInTime(options: TimelyOptions, context: Context): Promise<Target> {
  try {
    return findTarget(options, context);
  } catch (error) {
    if (!(error instanceof HoldfastError) || !GONE.has(error.code)) throw error;
    return (await import('./gone.ts')).awaitTarget(options, context, error);
  }
}
