/**
 * One attempt at a snapshot: what the steps of take.ts hand on to each other, all that is held meanwhile, and how it is
 * let go.
 */
import type { Directory } from '../../linux/files/directory.ts';
import type { Found as Libraries } from '../libraries/find.ts';
import { lockStore, type StoreLock } from '../store/lock.ts';
import type { Draft } from './draft.ts';
import type { Listing, Source, Unsettled } from './source.ts';
import type { Found, Observer, Plan, Taken, Terms } from './terms.ts';

/** A step: does its part, or says why there is no snapshot to be had now. */
export type Step = (work: Work) => Promise<Unsettled | undefined> | Unsettled | undefined;

/** A step with its name, as `--verbose` and the `steps` of `snapshot --json` show it. */
export interface NamedStep {
  readonly name: string;
  readonly run: Step;
  /** passed over where a snapshot was found that can be used */
  readonly builds?: true;
}

/** Runs the steps in order, up to the first that says why there is no snapshot to be had now. */
export async function perform(work: Work, steps: readonly NamedStep[]): Promise<Unsettled | undefined> {
  for (const { name, run, builds } of steps) {
    if (builds === true && work.found !== undefined) continue;
    work.observer.step(name);
    const unsettled = await run(work);
    if (unsettled !== undefined) return unsettled;
  }
  return undefined;
}

/** What is to be done in a store beside the attempts. @returns what was wiped, and the warnings */
export async function performBeside(plan: Plan, steps: readonly NamedStep[]): Promise<Wiped> {
  const work = new Work(plan);
  try {
    await perform(work, steps);
    return work;
  } finally {
    await work.close();
  }
}

/** What was wiped, and what could not be. */
export type Wiped = Pick<Work, 'wiped' | 'warnings'>;

/** The state of one attempt. */
export class Work {
  readonly store: Directory;
  readonly source: Source;
  readonly terms: Terms;
  readonly observer: Observer;
  /** the snapshot to be used, when a step has found or published it */
  found: Found | undefined;
  /** was it there before? */
  reused = true;
  /** what is being built, to be let go of on every way out but success */
  draft: Draft | undefined;
  pins: Taken['pins'];
  /** the libraries that the programs need; undefined: the system's are used */
  libraries: Libraries | undefined;
  /** `current` could not be made to lead to the snapshot: the disk was full */
  currentIsOld = false;
  /** something that shares files with what was recorded was wiped since */
  recordIsOld = false;
  readonly wiped: string[];
  readonly warnings: string[];
  #listing: Listing | undefined;
  #lock: StoreLock | undefined;

  /** @param before what was wiped to make room for it, and what could not be */
  constructor({ store, source, terms, observer }: Plan, before?: Wiped) {
    this.store = store;
    this.source = source;
    this.terms = terms;
    this.observer = observer;
    this.wiped = [...(before?.wiped ?? [])];
    this.warnings = [...(before?.warnings ?? [])];
  }

  /** What the source was found to be. @throws Error before the step that lists it */
  get listing(): Listing {
    if (this.#listing === undefined) throw new Error('nothing was listed yet');
    return this.#listing;
  }

  set listing(listing: Listing) {
    this.#listing = listing;
    this.warnings.push(...(listing.warnings ?? []));
  }

  /** Takes the store's lock. It is given up while programs are asked, so that no other launch has to wait for them. */
  async lock(): Promise<void> {
    this.#lock = await lockStore(this.store, { ...this.terms, ...this.observer });
  }

  unlock(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  /** What came of it; from now on the caller holds it. @throws Error where no step has found or published anything */
  hand(): Taken {
    const { found, reused, wiped, warnings, pins } = this;
    if (found === undefined) throw new Error('the steps ended without a snapshot');
    this.found = undefined;
    return { ...found, reused, wiped, warnings, ...(pins && { pins }) };
  }

  /** Lets go of all that was not handed on: the lock last. */
  async close(): Promise<void> {
    try {
      this.found?.directory.close();
      this.found = undefined;
      await this.draft?.discard();
      this.source.release?.();
    } finally {
      this.unlock();
    }
  }
}
