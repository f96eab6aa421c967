/**
 * One attempt at a snapshot: what the steps of take.ts hand on to each other, all that is held meanwhile, and how it is
 * let go.
 */
import type { Directory } from '../../linux/files/directory.ts';
import type { Found as Libraries } from '../libraries/find.ts';
import { lockStore, type StoreLock } from '../store/lock.ts';
import type { Draft } from './draft.ts';
import type { Room } from './no-room.ts';
import type { Listing, Source, Unsettled } from './source.ts';
import type { Found, Observer, Taken, Terms } from './terms.ts';

/** A step: does its part, or says why there is no snapshot to be had now. */
export type Step = (work: Work) => Promise<Unsettled | undefined> | Unsettled | undefined;

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

  /** @param room what was wiped for it before */
  constructor(store: Directory, source: Source, terms: Terms, observer: Observer, room?: Room) {
    this.store = store;
    this.source = source;
    this.terms = terms;
    this.observer = observer;
    this.wiped = [...(room?.wiped ?? [])];
    this.warnings = [...(room?.warnings ?? [])];
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

  /** Takes the store's lock, which is given up while programs are asked: no wait of ours is another launch's. */
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
