/**
 * A snapshot that is being built, in a staging directory of the store. It carries our live lock from the start, so that
 * no other launch wipes it; what crashes leaves of it, the next launch wipes.
 */
import { renameSync } from 'node:fs';
import { HoldfastError, quote } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import type { Manifest } from '../../manifest/manifest.ts';
import type { Pins } from '../place/pin.ts';
import type { SnapshotRecord } from '../record/record.ts';
import { snapshotId, stagingName } from '../store/layout.ts';
import { removeTree } from '../store/remove-tree.ts';
import type { StagedFile } from './look-again.ts';
import type { Unsettled, Versions } from './source.ts';
import type { Found } from './terms.ts';

export class Draft {
  readonly directory: Directory;
  readonly pins: Pins | undefined;
  readonly #store: Directory;
  readonly #name: string;
  /** every file, placed and hashed */
  files: readonly StagedFile[] = [];
  /** begun when every file is in its place, while they are hashed */
  asking: Promise<Versions | Unsettled> | undefined;
  manifest: Manifest | undefined;
  versions: Versions | undefined;
  record: SnapshotRecord | undefined;

  /**
   * Claims a staging directory. Call it with the store's lock held.
   * @param pins takes what can be pinned
   * @throws HoldfastError `SYSTEM`
   */
  constructor(store: Directory, pid: number, pins: Pins | undefined) {
    this.#store = store;
    this.#name = stagingName(pid);
    this.pins = pins;
    store.make(this.#name);
    this.directory = store.enter(this.#name);
    if (this.directory.tryLock('shared')) return;
    this.directory.close();
    const path = this.directory.path;
    throw new HoldfastError('SYSTEM', `${quote(path)} is locked by another process`, { path });
  }

  /**
   * Gives the snapshot the first name that is free: a damaged live one may hold `<id>`. What somebody has put in the
   * staging directory's place meanwhile gets it only until it is looked at.
   * @throws HoldfastError `STORE_REFUSED`, `SYSTEM`
   */
  publish(): Found {
    const { record } = this;
    if (record === undefined) throw new Error('nothing was recorded yet');
    const id = this.#rename(snapshotId(record.root));
    return { directory: this.directory.movedTo(this.#store.show(id)), id, record };
  }

  #rename(id: string): string {
    const store = this.#store;
    for (let n = 0; ; n++) {
      const name = n === 0 ? id : `${id}.${n}`;
      if (store.lstat(name) !== undefined) continue;
      store.attempt('rename the staging directory to', name, path => renameSync(store.at(this.#name), path));
      const [renamed, ours] = [store.lstat(name), this.directory.stat()];
      if (renamed?.ino === ours.ino && renamed.dev === ours.dev) return name;
      if (renamed !== undefined) {
        store.attempt('rename', name, path => renameSync(path, store.at(this.#name)));
      }
      const path = store.show(this.#name);
      throw new HoldfastError(
        'STORE_REFUSED',
        `${quote(path)} was replaced while the snapshot was built in it`,
        { path },
      );
    }
  }

  /** Lets go of it and removes it: our own, whoever holds the store's lock. @throws HoldfastError `SYSTEM` */
  async discard(): Promise<void> {
    await this.asking?.catch(() => undefined); // what still runs in there would be in the way
    this.directory.close();
    this.pins?.close();
    removeTree(this.#store, this.#name);
  }
}
