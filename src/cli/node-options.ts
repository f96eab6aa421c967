/** `--lightning-dir`, `--network` and `--conf` of the commands that start no lightningd. Pure. */
import type { GivenOptions } from './words.ts';

/** Those that were given, as strings. */
export function nodeValues(options: GivenOptions): {
  lightningDir?: string;
  network?: string;
  conf?: string;
} {
  const { 'lightning-dir': lightningDir, network, conf } = options;
  return {
    ...(typeof lightningDir === 'string' ? { lightningDir } : {}),
    ...(typeof network === 'string' ? { network } : {}),
    ...(typeof conf === 'string' ? { conf } : {}),
  };
}
