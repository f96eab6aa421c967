/**
 * Finds the snapshot that is proven to be what is installed now, if the store has it. What is found is locked as live
 * and held open; the others are closed again. Call it with the store's lock held.
 */
import { HoldfastError, quote } from '../errors.ts';
import type { Directory } from '../linux/directory.ts';
import { isProven } from './prove.ts';
import { readRecord } from './record.ts';
import type { Found, TakeRequest } from './request.ts';
import { listStore } from './store.ts';

/** Step 3: by its record alone. */
export function findProven(request: TakeRequest): Found | undefined {
  return findFirst(request, (directory, id) => {
    const record = readRecord(directory);
    if (record === undefined || (request.gate && record.answers === null)) return undefined;
    return isProven(directory, record, request) ? { directory, id, record } : undefined;
  });
}

/** The first snapshot of the store that the test accepts, locked as live; the others are closed again. */
function findFirst(
  request: TakeRequest,
  test: (directory: Directory, id: string) => Found | undefined,
): Found | undefined {
  for (const id of listStore(request.store).snapshots) {
    const directory = request.store.enter(id);
    let found: Found | undefined;
    try {
      found = test(directory, id);
      if (found !== undefined && directory.tryLock('shared')) return found;
      found = undefined; // held exclusively, and not by one of us: somebody else is about to remove it
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
