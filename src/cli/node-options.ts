/** `--lightning-dir`, `--network`, `--conf` and `--snapshot-dir` of the commands that start no lightningd. */

import type { Context } from '../commands/context.ts';
import type { NodeOptions } from '../commands/node-directory.ts';
import { NETWORKS } from './table.ts';
import { absolute } from './take-options.ts';
import type { GivenOptions } from './words.ts';

/** As they were given; the store absolute. */
export function nodeOptions(
  options: GivenOptions,
  { cwd, warn }: Pick<Context, 'cwd' | 'warn'>,
): NodeOptions {
  const network = text(options.network);
  // a lightningd of years to come may have others
  if (network !== undefined && !NETWORKS.some(known => known === network))
    warn(`--network=${network} is no network that holdfast knows of: ${NETWORKS.join(', ')}`);
  return {
    lightningDir: text(options['lightning-dir']),
    network,
    conf: text(options.conf),
    snapshotDir: absolute(options['snapshot-dir'], cwd),
  };
}

function text(value: string | true | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
