/** What a snapshot is taken from, as the steps of take.ts see it: an installation, or a release archive. */
import type { BigIntStats } from 'node:fs';
import type { HoldfastError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import type { RecordedAnswer, RecordedLink } from '../record/record.ts';

/** A file of the installation as it was listed. */
export interface ListedFile {
  /** below the prefix, and so in the snapshot */
  readonly path: string;
  /** where it is now: absolute, links resolved */
  readonly source: string;
  readonly stat: BigIntStats;
}

/** A directory of the installation as it was listed: its identity tells that names in it came or went. */
export interface ListedDirectory {
  readonly path: string;
  readonly stat: BigIntStats;
}

/** An installation as it was found. */
export interface Listing {
  /** lightningd's path below the prefix, and so in the snapshot */
  readonly program: string;
  readonly files: readonly ListedFile[];
  readonly directories: readonly ListedDirectory[];
  /** the symbolic links that were followed */
  readonly links: readonly RecordedLink[];
  /** the LD_LIBRARY_PATH with which its programs are asked and run */
  readonly libraryPath?: string | undefined;
  /** what the operator should know of it though it can be taken */
  readonly warnings?: readonly string[];
  /** Is this program none of lightningd's, but an operator's own, or left over? Then nothing about it is a reason to refuse. */
  readonly isForeign?: (path: string) => boolean;
}

/** Why there is no snapshot to be had now, though there may be in a while. */
export interface Unsettled {
  readonly unsettled: HoldfastError;
  /** when it may be worth another look, ms from now */
  readonly retryInMs?: number | undefined;
}

/** What the programs said of their versions. */
export interface Versions {
  /** lightningd's own */
  readonly version: string;
  /** null where the gate was told not to ask */
  readonly answers: readonly RecordedAnswer[] | null;
  /** what the operator should know of the programs though they agree */
  readonly warnings?: readonly string[];
}

/** What a snapshot is taken from. */
export interface Source {
  /** lightningd in the installation, or the release archive; absolute, links resolved */
  readonly path: string;
  /** the same as it was named or found, absolute */
  readonly named: string;
  /** of an archive its identity, '' where that cannot be relied on; of an installation undefined: each file has its own */
  readonly identity: string | undefined;
  /** Refuses what is none, before anything is made for it. @throws HoldfastError `NOT_AN_INSTALLATION` */
  check?(settleMs: number, notice: (message: string) => void): Promise<void>;
  /**
   * Lists the installation, unless it shows traces of an upgrade; an archive is unpacked in the store, under a staging name
   * that is locked as live. May be called again, after `release`.
   */
  list(store: Directory): Promise<Listing | Unsettled>;
  /** Asks the programs below this directory, a snapshot of what was listed, whether they are one version. */
  versions(directory: string, listing: Listing): Promise<Versions | Unsettled>;
  /** A guess at what a snapshot takes where every file is copied, bytes. */
  neededBytes(): bigint | Promise<bigint>;
  /**
   * Removes what `list` has made in the store: before the record, since unlink(2) moves the ctime of what was linked.
   * Safe to call at any time. @throws HoldfastError `SYSTEM`
   */
  release?(): void;
  /** Lets go of what is open. */
  close?(): void;
}
