/**
 * Takes the snapshot that a launch runs from: the one that is there and proven, or a new one.
 *
 *  1. lock           the store is ours for work on the disk
 *  2. wipe-staging   what crashes left; before the proof, since unlink(2) moves the ctime of hard-linked sources
 *  3. prove          a snapshot whose record says that nothing changed: used as it is (on to 10)
 *  4. inspect        list the installation; traces of an upgrade: let go of everything, wait, begin again
 *                    (a release archive is unpacked here, into a locked staging directory that is gone by step 9)
 *  5. prove-by-hash  what is in doubt is read; a snapshot that agrees is used (on to 9)
 *  6. stage          place and hash every file; the staging directory carries our live lock
 *  7. ask-versions   without the store's lock; disagreement: throw the staging away, wait, begin again
 *  8. wipe           snapshots that nothing runs from; before the record, for the reason of step 2
 *  9. record         the sources looked at again, then .record.json, SHA256SUMS, and the manifest last
 * 10. publish        one rename to <id>; then `current`
 *
 * A crash between any two leaves either a staging directory, which the next launch wipes, or (between 8 and 10) fewer
 * snapshots, none of them live; after the rename the snapshot is whole, and `current` may point to the one before.
 */

import { accessSync, constants } from 'node:fs';
import { errnoOf, HoldfastError, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import { monotonicMs, sleep } from '../../linux/time.ts';
import { setCurrent } from '../store/current.ts';
import { readRecord } from '../store/record.ts';
import { listStore } from '../store/store.ts';
import { wipe } from '../store/wipe.ts';
import { checkRoot, findProven } from './by-record.ts';
import { type Found, HeldLock, type Taken, type TakeRequest, type Unsettled } from './request.ts';

/** How often to look at an upgrade that gives no hint of its end, ms. */
const LOOK_MS = 250;

/**
 * Takes the snapshot. The store's lock is free again when it returns or throws.
 * @throws HoldfastError `GATE` after `settleMs` of disagreement, `ROOT_MISMATCH`, `BAD_SOURCE`, `PLACEMENT`,
 *   `STORE_REFUSED`, `NOEXEC` where the store cannot hold programs, `SYSTEM`
 */
export async function takeSnapshot(request: TakeRequest): Promise<Taken> {
  const deadline = monotonicMs() + request.settleMs;
  let said = false;
  for (;;) {
    const outcome = await attempt(request);
    if (!('unsettled' in outcome)) return outcome;
    const left = deadline - monotonicMs();
    if (left <= 0) throw outcome.unsettled;
    if (!said) request.onSettling(outcome.unsettled);
    said = true;
    request.onStep('settle');
    await sleep(Math.min(left, outcome.retryInMs ?? LOOK_MS));
  }
}

/**
 * Points a store that cannot hold programs to the snapshot in a fallback, by an absolute path, and wipes what it still
 * has from before: whoever looks for the snapshot looks here first.
 */
export async function pointTo(
  store: Directory,
  path: string,
  request: Omit<TakeRequest, 'store'>,
): Promise<void> {
  const lock = new HeldLock({ ...request, store });
  await lock.take();
  try {
    await wipe(store, listStore(store).snapshots);
    setCurrent(store, path, request.pid);
  } finally {
    lock.release();
  }
}

/** Steps 1 to 10, once. */
async function attempt(request: TakeRequest): Promise<Taken | Unsettled> {
  const { store, onStep } = request;
  const lock = new HeldLock(request);
  await lock.take();
  try {
    onStep('wipe-staging');
    const { staging, snapshots } = listStore(store);
    const wiped = await wipe(store, staging);
    onStep('prove');
    const proven = findProven(request, snapshots);
    if (proven !== undefined) return await keep(request, proven, true, wiped);

    onStep('inspect');
    await checkExecutable(store);
    const listing = await request.inspect(store);
    if ('unsettled' in listing) return listing;
    const { takeAnew } = await import('./anew.ts'); // a proven snapshot needs none of it
    const taken = await takeAnew(request, lock, listing);
    if ('unsettled' in taken) return taken;
    return await keep(request, taken, taken.reused, [...wiped, ...taken.wiped]);
  } catch (error) {
    if (!isPassing(error) && !isInterrupted(error, request)) throw error;
    return { unsettled: asGateError(error) };
  } finally {
    lock.release();
  }
}

/** Steps 8 and 10 for a snapshot that is there. */
async function keep(
  request: TakeRequest,
  found: Found,
  reused: boolean,
  wiped: readonly string[],
): Promise<Taken> {
  const { store, onStep } = request;
  try {
    checkRoot(request, found.record.root);
    await checkProgram(store, found);
    onStep('wipe');
    const others = reused ? listStore(store).snapshots.filter(name => name !== found.id) : [];
    const more = await wipe(store, others);
    onStep('publish');
    setCurrent(store, found.id, request.pid);
    return { ...found, reused, wiped: [...wiped, ...more] };
  } catch (error) {
    found.directory.close();
    throw error;
  }
}

/** @throws HoldfastError `NOEXEC` where the store's file system executes nothing, or anything */
async function checkExecutable(store: Directory): Promise<void> {
  const { whyUnfit } = await import('../store/executable.ts');
  const reason = whyUnfit(store.at(), store.path);
  if (reason === undefined) return;
  throw new HoldfastError('NOEXEC', reason, {
    path: store.path,
    hint: ['holdfast noexec-check says why, and what to do', 'or use a store elsewhere: --snapshot-dir=DIR'],
  });
}

/** lightningd itself asks access(X_OK) of its own path (lightningd.c, find_my_abspath). */
async function checkProgram(store: Directory, found: Found): Promise<void> {
  const { program } = found.record;
  try {
    accessSync(found.directory.at(program), constants.X_OK);
  } catch (error) {
    if (errnoOf(error) === 'EACCES') await checkExecutable(store);
    throw systemError('execute', found.directory.show(program), error);
  }
}

/** Does this error mean that somebody is replacing files just now? */
function isPassing(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.code === 'BAD_SOURCE' && PASSING.has(error.errno ?? '');
}

/** ESTALE: not the file that was listed any more; ENOENT: gone since its directory was read. */
const PASSING: ReadonlySet<string> = new Set(['ESTALE', 'ENOENT']);

/** Not an installation, though a snapshot was taken of it: its files are being removed and put back. */
function isInterrupted(error: unknown, request: TakeRequest): error is HoldfastError {
  if (!(error instanceof HoldfastError) || error.code !== 'NOT_AN_INSTALLATION') return false;
  if (request.archiveIs !== undefined) return false; // an archive is not upgraded in place
  return listStore(request.store).snapshots.some(id => {
    const directory = request.store.enter(id);
    try {
      return readRecord(directory)?.lightningd === request.lightningd;
    } finally {
      directory.close();
    }
  });
}

/** After the settling time such an error is final, and says what it is: an upgrade that does not end. */
function asGateError(error: HoldfastError): HoldfastError {
  return new HoldfastError('GATE', `an upgrade seems to be under way: ${error.message}`, {
    path: error.path,
    cause: error,
    hint: [...error.hints, 'wait until the upgrade is complete, then try again'],
  });
}
