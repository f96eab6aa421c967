/** An installation as the source of a snapshot. What reads it is loaded when there is need: an unchanged launch has none. */
import { realpathSync } from 'node:fs';
import { systemError } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import type { Listing, Source, Unsettled, Versions } from '../../snapshot/take/source.ts';

/** What an installation is taken with. */
export interface InstallationTerms {
  /** whether the programs are asked for their versions */
  readonly gate: boolean;
  /** directories that are no part of an installation wherever they lie: the lightning-dir, the store */
  readonly apart: readonly string[];
}

export class InstallationSource implements Source {
  readonly path: string;
  readonly named: string;
  readonly identity = undefined;
  readonly #terms: InstallationTerms;

  /**
   * @param lightningd as found in PATH or named; it was there a moment ago
   * @throws HoldfastError `SYSTEM`
   */
  constructor(lightningd: string, terms: InstallationTerms) {
    this.#terms = terms;
    this.named = lightningd;
    try {
      this.path = realpathSync.native(lightningd);
    } catch (error) {
      throw systemError('find', lightningd, error);
    }
  }

  /** Nothing is to be made for what is none. @throws HoldfastError `NOT_AN_INSTALLATION` */
  async check(): Promise<void> {
    (await import('../../lightning/installation/installation.ts')).findInstallation(this.path);
  }

  async list(_store: Directory): Promise<Listing | Unsettled> {
    return (await import('./list-installation.ts')).listInstallation(this.path, this.#terms.apart);
  }

  async versions(directory: string, listing: Listing): Promise<Versions | Unsettled> {
    return (await import('./gate.ts')).askGate(directory, listing, this.#terms.gate);
  }

  async neededBytes(): Promise<bigint> {
    return (await import('./list-installation.ts')).neededBytes(this.path, this.#terms.apart);
  }
}
