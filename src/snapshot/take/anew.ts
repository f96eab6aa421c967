/** Steps 5 to 10 of take.ts: what a launch does when no snapshot is proven by its record. */
import { type Built, build } from './build.ts';
import { findByHash, passGate } from './by-hash.ts';
import type { HeldLock, Listing, TakeRequest, Unsettled } from './request.ts';

/** Finds by hashing, else builds. The store's lock is held again when it returns a snapshot. */
export async function takeAnew(
  request: TakeRequest,
  lock: HeldLock,
  listing: Listing,
): Promise<Built | Unsettled> {
  request.onStep('prove-by-hash');
  const found = await findByHash(request, listing);
  if (found === undefined) return build(request, lock, listing);
  const gated = await passGate(request, lock, found, listing);
  return 'unsettled' in gated ? gated : { ...gated, reused: true, wiped: [] };
}
