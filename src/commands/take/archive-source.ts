/**
 * A release archive in the place of an installation: opened and checked first, unpacked only where no snapshot is
 * proven to come from it. What it is unpacked to lies in the store under a staging name, locked as live so that another
 * launch's wipe leaves it alone, and is gone before the snapshot is published; a crash leaves it to the next wipe.
 */

import { closeSync } from 'node:fs';
import { type ArchiveChecksum, checkArchive } from '../../archive/checksum.ts';
import { type Archive, openArchive } from '../../archive/open.ts';
import { HoldfastError, quote } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { nowNs, sleep } from '../../linux/time.ts';
import { identityOf, isRacy, TICK_NS } from '../../snapshot/record/identity.ts';
import { stagingName } from '../../snapshot/store/layout.ts';
import { removeTree } from '../../snapshot/store/remove-tree.ts';
import type { Listing, Source, Unsettled, Versions } from '../../snapshot/take/source.ts';
import type { Context } from '../context.ts';

/** What comes out of a release is five times its size (measured: 24 MB of xz give 128 MB). */
const EXPANSION = 6n;

/**
 * Opens the archive, and checks that it is the one that the operator vouches for.
 * @throws HoldfastError `UNREADABLE`, `ARCHIVE`, `DIFFERS`
 */
export async function openArchiveSource(
  path: string,
  checksum: ArchiveChecksum,
  gate: boolean,
  context: Context,
): Promise<ArchiveSource> {
  const archive = openArchive(path);
  try {
    // with a tick of the clock between, a write that comes after our reading moves the ctime: see record.ts
    if (isRacy(archive.stat, nowNs())) await sleep(Number(TICK_NS / 1_000_000n) + 1);
    const identity = isRacy(archive.stat, nowNs()) ? '' : identityOf(archive.stat);
    checkArchive(archive, checksum);
    return new ArchiveSource(archive, identity, gate, context);
  } catch (error) {
    closeSync(archive.fd);
    throw error;
  }
}

/** An open archive, and what it was unpacked to, if it was. */
export class ArchiveSource implements Source {
  readonly #archive: Archive;
  readonly identity: string;
  readonly #gate: boolean;
  readonly #context: Context;
  #unpacked: { readonly store: Directory; readonly name: string; readonly directory: Directory } | undefined;

  constructor(archive: Archive, identity: string, gate: boolean, context: Context) {
    this.#archive = archive;
    this.identity = identity;
    this.#gate = gate;
    this.#context = context;
  }

  /** absolute, links resolved */
  get path(): string {
    return this.#archive.path;
  }

  get named(): string {
    return this.#archive.path;
  }

  /** A guess at what a snapshot of it takes, bytes. */
  neededBytes(): bigint {
    return this.#archive.stat.size * (this.#archive.format === 'tar' ? 1n : EXPANSION);
  }

  /** Removes what it was unpacked to. Safe to call at any time. @throws HoldfastError `SYSTEM` */
  release(): void {
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
    this.release();
    closeSync(this.#archive.fd);
  }

  async list(store: Directory): Promise<Listing> {
    this.release();
    const name = stagingName(this.#context.pid);
    store.make(name);
    const directory = store.enter(name);
    this.#unpacked = { store, name, directory };
    directory.tryLock('shared'); // nobody else has it: its name is new, and the store is ours
    const { unpackInstallation } = await import('./unpacked.ts');
    return unpackInstallation(this.#archive, directory, this.#context);
  }

  /** As for an installation, but that waiting for an upgrade to finish is no advice. */
  async versions(directory: string, listing: Listing): Promise<Versions | Unsettled> {
    const answer = await (await import('./gate.ts')).askGate(directory, listing, this.#gate);
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
