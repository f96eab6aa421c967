/**
 * What was changed through hard links since a snapshot of this installation was taken, for a launch to say. Only looks.
 */
import type { WordedAltered } from '../../record/altered.ts';
import { readRecord } from '../../record/record.ts';
import { listStore } from '../../store/store.ts';
import type { Unsettled } from '../source.ts';
import type { Work } from '../work.ts';
import { enterOrPass } from './by-record.ts';

/** In words; undefined where nothing was, or there was no snapshot yet. */
export async function alteredSince({ store, source }: Work): Promise<WordedAltered | undefined> {
  for (const id of listStore(store).snapshots) {
    const directory = enterOrPass(store, id);
    if (directory === undefined) continue;
    try {
      const before = readRecord(directory);
      if (before?.lightningd !== source.path) continue;
      const { alteredFiles, wordAltered } = await import('../../record/altered.ts');
      const altered = wordAltered(alteredFiles(before));
      if (altered !== undefined) return altered;
    } finally {
      directory.close();
    }
  }
  return undefined;
}

/** A program that has lost its execute bits looks like half an upgrade: here is what it is. */
export async function orAltered(
  { unsettled, retryInMs }: Unsettled,
  altered: WordedAltered | undefined,
): Promise<Unsettled> {
  if (altered === undefined) return { unsettled, retryInMs };
  const { withRemedy } = await import('../../record/altered.ts');
  return { unsettled: withRemedy(unsettled, altered), retryInMs };
}
