/**
 * A release archive in the place of an installation: opened and checked first, unpacked only where no snapshot is
 * proven to come from it. What it is unpacked to lies in the store under a staging name, locked as live so that another
 * launch's wipe leaves it alone, and is gone before the snapshot is published; a crash leaves it to the next wipe.
 */

import { closeSync } from 'node:fs';
import { type ArchivePin, checkArchive } from '../../archive/checksum.ts';
import { type Archive, openArchive } from '../../archive/open.ts';
import { HoldfastError, quote } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import { nowNs, sleep } from '../../linux/time.ts';
import { identityOf, isRacy, TICK_NS } from '../../snapshot/store/identity.ts';
import { stagingName } from '../../snapshot/store/layout.ts';
import { removeTree } from '../../snapshot/store/remove-tree.ts';
import type { Listing, TakeRequest, Unsettled, Versions } from '../../snapshot/take/request.ts';
import type { Context } from '../context.ts';

/** What takes the place of an installation's in a request. */
type RequestParts = Pick<TakeRequest, 'archiveIs' | 'settleMs' | 'inspect' | 'letGo' | 'askVersions'>;

/** What comes out of a release is five times its size (measured: 24 MB of xz give 128 MB). */
const EXPANSION = 6n;

/**
 * Opens the archive, and checks that it is the one that was pinned.
 * @throws HoldfastError `UNREADABLE`, `ARCHIVE`, `DIFFERS`
 */
export async function openSource(path: string, pin: ArchivePin, context: Context): Promise<ArchiveSource> {
  const archive = openArchive(path);
  try {
    // with a tick of the clock between, a write that comes after our reading moves the ctime: see record.ts
    if (isRacy(archive.stat, nowNs())) await sleep(Number(TICK_NS / 1_000_000n) + 1);
    const is = isRacy(archive.stat, nowNs()) ? '' : identityOf(archive.stat);
    checkArchive(archive, pin);
    return new ArchiveSource(archive, is, context);
  } catch (error) {
    closeSync(archive.fd);
    throw error;
  }
}

/** An open archive, and what it was unpacked to, if it was. */
export class ArchiveSource {
  readonly #archive: Archive;
  readonly #is: string;
  readonly #context: Context;
  #unpacked: { readonly store: Directory; readonly name: string; readonly directory: Directory } | undefined;

  constructor(archive: Archive, is: string, context: Context) {
    this.#archive = archive;
    this.#is = is;
    this.#context = context;
  }

  /** absolute, links resolved */
  get path(): string {
    return this.#archive.path;
  }

  /** A guess at what a snapshot of it takes, bytes. */
  neededBytes(): bigint {
    return this.#archive.stat.size * (this.#archive.format === 'tar' ? 1n : EXPANSION);
  }

  requestParts(gate: boolean): RequestParts {
    return {
      archiveIs: this.#is,
      settleMs: 0, // an archive does not settle
      inspect: store => this.#inspect(store),
      letGo: () => this.letGo(),
      askVersions: (directory, listing) => this.#askVersions(directory, listing, gate),
    };
  }

  /** Removes what it was unpacked to. Safe to call at any time. @throws HoldfastError `SYSTEM` */
  letGo(): void {
    const unpacked = this.#unpacked;
    this.#unpacked = undefined;
    if (unpacked === undefined) return;
    try {
      removeTree(unpacked.store, unpacked.name);
    } finally {
      unpacked.directory.close();
    }
  }

  close(): void {
    this.letGo();
    closeSync(this.#archive.fd);
  }

  async #inspect(store: Directory): Promise<Listing> {
    this.letGo();
    const name = stagingName(this.#context.pid);
    store.make(name);
    const directory = store.enter(name);
    this.#unpacked = { store, name, directory };
    directory.tryLock('shared'); // nobody else has it: its name is new, and the store is ours
    const { unpackInstallation } = await import('./unpacked.ts');
    return unpackInstallation(this.#archive, directory, this.#context);
  }

  /** As for an installation, but that waiting for an upgrade to finish is no advice. */
  async #askVersions(directory: string, listing: Listing, gate: boolean): Promise<Versions | Unsettled> {
    const answer = await (await import('./gate.ts')).askGate(directory, listing, gate);
    if (!('unsettled' in answer)) return answer;
    const { message, details, path, cause } = answer.unsettled;
    const unsettled = new HoldfastError('GATE', `${quote(this.#archive.named)}: ${message}`, {
      path,
      details,
      cause,
      hint: '--no-gate takes it as it is',
    });
    return { unsettled };
  }
}
