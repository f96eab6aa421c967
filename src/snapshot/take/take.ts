/**
 * Takes the snapshot that a launch runs from: the one that is there and proven, or a new one. STEPS is the procedure.
 *
 * A crash between any two steps leaves either a staging directory, which the next launch wipes, or, after `publish`, a
 * whole snapshot and some that nobody needs any more. What was there is only wiped when the new one has its name: a
 * launch that fails leaves the store with the snapshots that it had.
 */
import { errnoOf, HoldfastError } from '../../errors.ts';
import { monotonicMs, sleep } from '../../linux/time.ts';
import { setCurrent } from '../store/current.ts';
import { isOfRoot } from '../store/layout.ts';
import { listStore } from '../store/store.ts';
import { wipe } from '../store/wipe.ts';
import { checkProgram, checkRoot } from './checks.ts';
import type { Draft } from './draft.ts';
import { findProven } from './prove/by-record.ts';
import type { Unsettled } from './source.ts';
import type { Plan, Taken } from './terms.ts';
import { isPassing, underWayError } from './under-way.ts';
import { type NamedStep, perform, performBeside, type Wiped, Work } from './work.ts';

/** The steps of an attempt, in order. */
const STEPS: readonly NamedStep[] = [
  // the store is ours for work on the disk
  { name: 'lock', run: lock },
  // what crashes left; before the proof, since unlink(2) moves the ctime of hard-linked sources
  { name: 'wipe-staging', run: wipeStaging },
  // a snapshot whose record says that nothing changed
  { name: 'prove', run: proveByRecord },
  // list the source; traces of an upgrade: let go of everything, wait, begin again
  building('inspect', 'inspect'),
  // which libraries the programs load, without the store's lock; one that is missing: wait, begin again
  building('ask-loader', 'askLoader'),
  // what is in doubt is read; a snapshot that agrees is used
  building('prove-by-hash', 'proveByHash'),
  // place and hash every file; the staging directory carries our live lock
  building('stage', 'stage'),
  // without the store's lock; disagreement: throw the staging away, wait, begin again
  building('ask-versions', 'askVersions'),
  // another launch may have been faster meanwhile
  building('lock', 'lockAgain'),
  // the sources looked at again, then SHA256SUMS, the manifest and .record.json
  building('record', 'record'),
  // one rename to <id> of what was built; `current` leads to the snapshot
  { name: 'publish', run: publish },
  // snapshots that nothing runs from
  { name: 'wipe', run: wipeOthers },
];

/** On a full disk every snapshot that nothing runs from is wiped before the steps begin again. */
const MAKE_ROOM: readonly NamedStep[] = [{ name: 'make-room', run: wipeAll }];

/** How often to look at an upgrade that gives no hint of its end, ms. */
const LOOK_MS = 250;

/**
 * Takes the snapshot. The store's lock is free again when it returns or throws.
 * @throws HoldfastError `GATE` after `settleMs` of disagreement, `ROOT_MISMATCH`, `BAD_SOURCE`, `PLACEMENT`,
 *   `STORE_REFUSED`, `NOEXEC` where the store cannot hold programs, `SYSTEM`
 */
export async function takeSnapshot(plan: Plan): Promise<Taken> {
  const { terms, observer } = plan;
  const deadline = monotonicMs() + terms.settleMs;
  let said = false;
  let room: Wiped | undefined;
  for (;;) {
    const outcome = await attempt(new Work(plan, room)).catch(whyNoRoom);
    if (outcome instanceof HoldfastError) {
      room = room === undefined ? await performBeside(plan, MAKE_ROOM) : undefined;
      if (room === undefined || room.wiped.length === 0) {
        throw await (await import('./no-room.ts')).noRoomError(outcome, plan);
      }
      continue;
    }
    if (!('unsettled' in outcome)) return outcome;
    const left = deadline - monotonicMs();
    if (left <= 0) throw outcome.unsettled;
    if (!said) observer.settling(outcome.unsettled, terms.settleMs);
    said = true;
    observer.step('settle');
    await sleep(Math.min(left, outcome.retryInMs ?? LOOK_MS));
  }
}

/** The error, if it says that the disk is full. @throws any other */
function whyNoRoom(error: unknown): HoldfastError {
  if (error instanceof HoldfastError && NO_ROOM.has(errnoOf(error) ?? '')) return error;
  throw error;
}

/** write(2), open(2), symlink(2): the disk, or what the owner may use of it, is used up. */
const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/** All steps, once. */
async function attempt(work: Work): Promise<Taken | Unsettled> {
  try {
    return (await perform(work, STEPS)) ?? work.hand();
  } catch (error) {
    if (!isPassing(error, work)) throw error;
    return { unsettled: underWayError(error) };
  } finally {
    await work.close();
  }
}

/** A step of build.ts, which a launch of a proven snapshot does not load. */
function building(name: string, step: keyof typeof import('./build.ts')): NamedStep {
  return { name, builds: true, run: async work => (await import('./build.ts'))[step](work) };
}

async function lock(work: Work): Promise<undefined> {
  await work.lock();
}

async function wipeAll(work: Work): Promise<undefined> {
  await work.lock();
  const { staging, snapshots } = listStore(work.store);
  work.wiped.push(...(await wipe(work.store, [...staging, ...snapshots], work.warnings)));
}

async function wipeStaging(work: Work): Promise<undefined> {
  work.wiped.push(...(await wipe(work.store, listStore(work.store).staging, work.warnings)));
}

function proveByRecord(work: Work): undefined {
  work.found = findProven(work.store, listStore(work.store).snapshots, work.source, work.terms);
}

async function publish(work: Work): Promise<undefined> {
  const { store, source, terms, draft } = work;
  if (draft !== undefined) {
    await wipeUnusable(work, draft);
    work.found = draft.publish();
    work.reused = false;
    work.pins = draft.pins?.held;
    work.draft = undefined;
  }
  const { found } = work;
  if (found === undefined) return; // never: the steps before have found or built one
  checkRoot(source, terms, found.record.root);
  await checkProgram(store, found);
  if (!pointCurrent(work, found.id)) work.currentIsOld = true;
}

/**
 * What holds the same root and could not be used, damaged most likely, has the name that the draft is to get. It goes when
 * nothing can come in the draft's way any more: it may be whole, and of what was installed a moment ago.
 */
async function wipeUnusable(work: Work, { record }: Draft): Promise<void> {
  const unusable = listStore(work.store).snapshots.filter(name => isOfRoot(name, record?.root ?? ''));
  const wiped = await wipe(work.store, unusable, work.warnings);
  work.wiped.push(...wiped);
  work.recordIsOld = wiped.length > 0;
}

/** @returns false where the disk is full: once more after the wipe */
function pointCurrent({ store, terms }: Work, id: string): boolean {
  try {
    setCurrent(store, id, terms.pid);
    return true;
  } catch (error) {
    whyNoRoom(error);
    return false;
  }
}

async function wipeOthers(work: Work): Promise<undefined> {
  const { store, found, terms } = work;
  const others = listStore(store).snapshots.filter(name => name !== found?.id);
  const wiped = await wipe(store, others, work.warnings);
  work.wiped.push(...wiped);
  if (found === undefined) return;
  if (work.currentIsOld && !pointCurrent(work, found.id)) work.warnings.push(NO_CURRENT);
  if (wiped.length === 0 && !work.recordIsOld) return;
  work.found = await (await import('./refresh-record.ts')).refreshRecord(found, terms.bootId, work.warnings);
}

const NO_CURRENT =
  "the disk is full: 'current' cannot be made to lead to the snapshot, and status and verify may look at another one";
