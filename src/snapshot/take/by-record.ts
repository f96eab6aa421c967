/**
 * Finds the snapshot that is proven to be what is installed now, if the store has it. What is found is locked as live
 * and held open; the others are closed again. Call it with the store's lock held.
 */
import { HoldfastError, quote } from '../../errors.ts';
import { readRecord } from '../store/record.ts';
import { isProven } from './prove.ts';
import type { Found, TakeRequest } from './request.ts';

/** Step 3: the first of the store's snapshots that is proven by its record alone. */
export function findProven(request: TakeRequest, snapshots: readonly string[]): Found | undefined {
  for (const id of snapshots) {
    const directory = request.store.enter(id);
    let found: Found | undefined;
    try {
      const record = readRecord(directory);
      if (record === undefined || (request.gate && record.answers === null)) continue;
      // a lock that is refused: somebody, and none of us, holds it exclusively and is about to remove the snapshot
      if (!isProven(directory, record, request) || !directory.tryLock('shared')) continue;
      found = { directory, id, record };
      return found;
    } finally {
      if (found === undefined) directory.close();
    }
  }
  return undefined;
}

/** @throws HoldfastError `ROOT_MISMATCH` */
export function checkRoot(request: TakeRequest, root: string): void {
  if (request.expectRoot === undefined || request.expectRoot === root) return;
  throw new HoldfastError(
    'ROOT_MISMATCH',
    `the root of ${quote(request.lightningd)} is ${root}, not the expected ${request.expectRoot}`,
    {
      path: request.lightningd,
      hint: 'what is installed is not what was pinned: find out why before you start it',
    },
  );
}
