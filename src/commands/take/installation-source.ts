/** An installation as the source of a snapshot. What reads it is loaded when there is need: an unchanged launch has none. */
import { realpathSync } from 'node:fs';
import { systemError } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import type { Listing, Source, Unsettled, Versions } from '../../snapshot/take/source.ts';

export class InstallationSource implements Source {
  readonly path: string;
  readonly named: string;
  readonly identity = undefined;
  readonly #gate: boolean;

  /**
   * @param lightningd as found in PATH or named; it was there a moment ago
   * @param gate whether the programs are asked for their versions
   * @throws HoldfastError `SYSTEM`
   */
  constructor(lightningd: string, gate: boolean) {
    this.#gate = gate;
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
    return (await import('./list-installation.ts')).listInstallation(this.path);
  }

  async versions(directory: string, listing: Listing): Promise<Versions | Unsettled> {
    return (await import('./gate.ts')).askGate(directory, listing, this.#gate);
  }

  async neededBytes(): Promise<bigint> {
    return (await import('./list-installation.ts')).neededBytes(this.path);
  }
}
