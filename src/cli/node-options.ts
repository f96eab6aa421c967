/** `--lightning-dir`, `--network`, `--conf` and `--snapshot-dir` of the commands that start no lightningd. Pure. */
import type { NodeOptions } from '../commands/node-directory.ts';
import { absolute } from './take-options.ts';
import type { GivenOptions } from './words.ts';

/** As they were given; the store absolute. */
export function nodeOptions(options: GivenOptions, cwd: string): NodeOptions {
  return {
    lightningDir: text(options['lightning-dir']),
    network: text(options.network),
    conf: text(options.conf),
    snapshotDir: absolute(options['snapshot-dir'], cwd),
  };
}

function text(value: string | true | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
