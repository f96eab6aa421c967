/**
 * Chooses the fallback for a store that cannot hold programs: the first candidate that really executes, has room and
 * can be made safe. Those that are passed over are left as they were, and remembered with the reason.
 */
import { HoldfastError, quote } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { freeBytes } from '../../linux/files/free-space.ts';
import { isNoexec, mountOfOpen } from '../../linux/proc/mountinfo.ts';
import { whyUnfit } from '../store/executable.ts';
import { isSnapshotName } from '../store/layout.ts';
import {
  type FallbackContext,
  type FallbackOrigin,
  type FallbackSite,
  fallbackStores,
  lookAtFallback,
  openFallback,
} from './candidates.ts';

/** A candidate that was not taken. */
export interface PassedOver {
  readonly origin: FallbackOrigin;
  readonly path: string;
  readonly reason: string;
}

/** The store to use instead. */
export interface FallbackChoice {
  readonly origin: FallbackOrigin;
  /** real path of the store, made and safe */
  readonly path: string;
  readonly passedOver: readonly PassedOver[];
}

/**
 * Chooses and makes the fallback.
 * @param needed bytes that a new snapshot may take; 0n where that is not known
 * @throws HoldfastError `NOEXEC`, with a line for each candidate, where none will do
 */
export function chooseFallback(store: string, context: FallbackContext, needed: bigint): FallbackChoice {
  const passedOver: PassedOver[] = [];
  for (const candidate of fallbackStores(context)) {
    const { origin, path } = candidate;
    try {
      const site = lookAtFallback(candidate);
      let reason: string | undefined;
      try {
        reason = whyNotExecutable(site.directory) ?? whyNoRoom(site, needed);
      } finally {
        site.directory.close();
      }
      if (reason === undefined) return { origin, path: openFallback(candidate), passedOver };
      passedOver.push({ origin, path, reason });
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      passedOver.push({ origin, path, reason: error.message });
    }
  }
  throw new HoldfastError('NOEXEC', `${quote(store)} cannot hold programs, and no other directory will do`, {
    path: store,
    details: passedOver.map(({ origin, reason }) => `${origin}: ${reason}`),
    hint: ['holdfast noexec-check says what to type', 'or use a store elsewhere: --snapshot-dir=DIR'],
  });
}

function whyNotExecutable(directory: Directory): string | undefined {
  const reason = whyUnfit(directory.at(), directory.path);
  if (reason === undefined) return undefined;
  const mount = mountOfOpen(directory.fd, directory.path);
  return mount !== undefined && isNoexec(mount)
    ? `${quote(directory.path)} is on ${quote(mount.mountPoint)}, which is mounted noexec`
    : reason;
}

/** Why a new snapshot does not fit; a store that has one already may need no new one, and is not asked. */
function whyNoRoom({ directory, missing }: FallbackSite, needed: bigint): string | undefined {
  if (missing.length === 0 && directory.names().some(isSnapshotName)) return undefined;
  const free = freeBytes(directory.at());
  if (free === undefined || free >= needed) return undefined;
  return `${quote(directory.path)} has ${free} bytes free, a snapshot needs ${needed}`;
}
