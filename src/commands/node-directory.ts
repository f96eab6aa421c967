/** Which node, and which store, a command is about that starts no lightningd: `--lightning-dir`, `--network`, `--conf`, `--snapshot-dir`. */
import type { LightningOptions } from '../lightning/config/lightning-options.ts';
import { readNodeOptions } from '../lightning/config/options.ts';
import { STORE_NAME } from '../snapshot/store/layout.ts';
import type { Context } from './context.ts';

/** As the operator gave them. */
export interface NodeOptions {
  readonly lightningDir: string | undefined;
  readonly network: string | undefined;
  readonly conf: string | undefined;
  /** the store, absolute */
  readonly snapshotDir: string | undefined;
}

/** What they mean. */
export interface NodeDirectory extends LightningOptions {
  /** the directory that holds the snapshots */
  readonly store: string;
}

/**
 * Finds the lightning-dir and the store, with lightningd's defaults.
 * @param reads the node's own configuration files, which may be closed to whoever asks; or only one named by `--conf`,
 *   which alone can name the lightning-dir
 * @throws HoldfastError `CONFIG`, `USAGE`
 */
export function nodeDirectory(
  { snapshotDir, ...values }: NodeOptions,
  { cwd, environment }: Pick<Context, 'cwd' | 'environment'>,
  reads: 'configuration' | 'only --conf',
): NodeDirectory {
  const options = readNodeOptions(values, { cwd, home: environment.HOME }, reads);
  return { ...options, store: snapshotDir ?? `${options.lightningDir}/${STORE_NAME}` };
}
