/** The plan of a snapshot: where and from what it is taken, on which terms, and who is told; and what comes of it. */
import type { HoldfastError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import type { Pin, Pinning } from '../place/pin.ts';
import type { Method } from '../record/placement.ts';
import type { SnapshotRecord } from '../record/record.ts';
import type { Source } from './source.ts';

/** All that takeSnapshot needs to know. */
export interface Plan {
  /** the directory that is to hold the snapshot, open */
  readonly store: Directory;
  readonly source: Source;
  readonly terms: Terms;
  readonly observer: Observer;
}

/** What the operator asked for, and where this runs. */
export interface Terms {
  /** effective user id: whose store it is */
  readonly owner: bigint;
  readonly pid: number;
  /** of this boot; '' where it cannot be read */
  readonly bootId: string;
  readonly method: Method;
  /** with the method `pin`: who pins */
  readonly pinning: Pinning | undefined;
  /** are libraries kept with the snapshot, or left to the system? */
  readonly libraries: 'hold' | 'leave';
  /** the caller's LD_LIBRARY_PATH */
  readonly libraryPath: string | undefined;
  /** must what runs have passed the version checks? */
  readonly gate: boolean;
  /** ms to wait for an upgrade to finish; 0: one try */
  readonly settleMs: number;
  /** ms to wait for somebody else who works in the store */
  readonly lockMs: number;
  readonly expectRoot: string | undefined;
}

/** Who is told how it goes. */
export interface Observer {
  /** a step begins, by its name */
  readonly step: (name: string) => void;
  /** somebody else works in the store for over a second: who that is */
  readonly lockWait: (holder: string) => void;
  /** called once: an upgrade must settle first, and is waited for that long */
  readonly settling: (reason: HoldfastError, settleMs: number) => void;
}

/** A snapshot that agrees with what it was taken from; its directory carries our live lock. */
export interface Found {
  readonly directory: Directory;
  /** its name in the store */
  readonly id: string;
  readonly record: SnapshotRecord;
}

/** A snapshot, held: `directory` carries the live lock. */
export interface Taken extends Found {
  readonly reused: boolean;
  /** names in the store that were wiped */
  readonly wiped: readonly string[];
  /** what the operator should know though all went well; a snapshot proven by its record has been warned of before */
  readonly warnings: readonly string[];
  /** with the method `pin`: what is held open, in the place of files; to be kept through the exec */
  readonly pins?: readonly Pin[];
}
