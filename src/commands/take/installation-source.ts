/** An installation as the source of a snapshot. What reads it is loaded when there is need: an unchanged launch has none. */
import { realpathSync } from 'node:fs';
import { errnoOf, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import type { Listing, Source, Unsettled, Versions } from '../../snapshot/take/source.ts';

/** What an installation is taken with. */
export interface InstallationTerms {
  /** whether the programs are asked for their versions */
  readonly gate: boolean;
  /** directories that are no part of an installation wherever they lie: the lightning-dir, the store */
  readonly apart: readonly string[];
}

/** What realpath(3) says of a file that is not there any more. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ESTALE']);

export class InstallationSource implements Source {
  readonly path: string;
  readonly named: string;
  readonly identity = undefined;
  readonly #terms: InstallationTerms;

  /**
   * @param lightningd as found in PATH or named; it was there a moment ago, and may be gone again
   * @throws HoldfastError `SYSTEM`
   */
  constructor(lightningd: string, terms: InstallationTerms) {
    this.#terms = terms;
    this.named = lightningd;
    try {
      this.path = realpathSync.native(lightningd);
    } catch (error) {
      if (!GONE.has(errnoOf(error) ?? '')) throw systemError('find', lightningd, error);
      this.path = lightningd; // what lists it says so
    }
  }

  /**
   * Nothing is to be made for what is none; what is being put there just now is waited for.
   * @throws HoldfastError `NOT_AN_INSTALLATION`
   */
  async check(settleMs: number, notice: (message: string) => void): Promise<void> {
    const { findInstallation } = await import('../../lightning/installation/installation.ts');
    try {
      findInstallation(this.path);
    } catch {
      const look = () => findInstallation(this.path);
      const sought = { paths: [this.path], wasThere: false, settleMs };
      await (await import('./gone.ts')).awaitReturn(look, sought, notice);
    }
  }

  async list(store: Directory): Promise<Listing | Unsettled> {
    try {
      return (await import('./list-installation.ts')).listInstallation(this.path, this.#terms.apart);
    } catch (error) {
      return (await import('./gone.ts')).asUnsettled(error, this.path, store.at());
    }
  }

  async versions(directory: string, listing: Listing): Promise<Versions | Unsettled> {
    return (await import('./gate.ts')).askGate(directory, listing, this.#terms.gate);
  }

  async neededBytes(): Promise<bigint> {
    return (await import('./list-installation.ts')).neededBytes(this.path, this.#terms.apart);
  }
}
