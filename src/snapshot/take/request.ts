/** What taking a snapshot depends on, what it gives, and the store's lock as the steps hold it. */
import type { HoldfastError } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import { lockStore, type StoreLock } from '../store/lock.ts';
import type { Method } from '../store/placement.ts';
import type { RecordedAnswer, SnapshotRecord } from '../store/record.ts';
import type { Pin, Pinning } from './pin.ts';
import type { ListedDirectory, ListedFile } from './stage.ts';

/** The installation as `inspect` found it. */
export interface Listing {
  /** lightningd's path below the prefix, and so in the snapshot */
  readonly program: string;
  readonly files: readonly ListedFile[];
  readonly directories: readonly ListedDirectory[];
}

/** Why there is no snapshot to be had now, though there may be in a while. */
export interface Unsettled {
  readonly unsettled: HoldfastError;
  /** when it may be worth another look, ms from now */
  readonly retryInMs?: number | undefined;
}

/** What the gate heard. */
export interface Versions {
  /** lightningd's own */
  readonly version: string;
  /** null where the gate was told not to ask */
  readonly answers: readonly RecordedAnswer[] | null;
}

/** All that taking a snapshot depends on. */
export interface TakeRequest {
  readonly store: Directory;
  readonly owner: bigint;
  /** lightningd in the installation, or the release archive; absolute, links resolved */
  readonly lightningd: string;
  /** of an archive its identity, see record.ts */
  readonly archiveIs?: string | undefined;
  readonly bootId: string;
  readonly method: Method;
  /** with the method `pin`: who pins */
  readonly pinning?: Pinning | undefined;
  /** must what runs have passed the version checks? */
  readonly gate: boolean;
  /** ms to wait for an upgrade to finish; 0: one try */
  readonly settleMs: number;
  readonly expectRoot: string | undefined;
  readonly pid: number;
  /** lists the installation; an archive is unpacked in the store, under a staging name that is locked as live */
  readonly inspect: (store: Directory) => Promise<Listing | Unsettled>;
  /** removes what an archive was unpacked to: before the record, since unlink(2) moves the ctime of what was linked */
  readonly letGo?: (() => void) | undefined;
  /** asks the programs below this directory */
  readonly askVersions: (directory: string, listing: Listing) => Promise<Versions | Unsettled>;
  /** called when somebody else works in the store for over a second */
  readonly onLockWait: () => void;
  /** called once, when an upgrade must settle first */
  readonly onSettling: (reason: HoldfastError) => void;
  /** called as each step begins */
  readonly onStep: (step: string) => void;
}

/** A snapshot, held: `directory` carries the live lock. */
export interface Taken {
  readonly directory: Directory;
  /** its name in the store */
  readonly id: string;
  readonly record: SnapshotRecord;
  readonly reused: boolean;
  readonly wiped: readonly string[];
  /** with the method `pin`: what is held open, in the place of files; to be kept through the exec */
  readonly pins?: readonly Pin[];
}

/** A snapshot that agrees with the installation; its directory carries our live lock. */
export interface Found {
  readonly directory: Directory;
  readonly id: string;
  readonly record: SnapshotRecord;
}

/** The store's lock: given up while programs are asked, so that no wait of ours is another launch's. */
export class HeldLock {
  readonly #request: TakeRequest;
  #lock: StoreLock | undefined;

  constructor(request: TakeRequest) {
    this.#request = request;
  }

  async take(): Promise<void> {
    this.#request.onStep('lock');
    this.#lock = await lockStore(this.#request.store, this.#request.onLockWait);
  }

  release(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }
}
