/**
 * lightningd's arguments, in which configured paths that lead into the installation mean the snapshot
 * (configured-paths.ts); and what the configuration names beside it.
 */
import { existsSync } from 'node:fs';
import { quote } from '../../errors.ts';
import type { LightningOptions } from '../../lightning/config/lightning-options.ts';
import type { Taken } from '../../snapshot/take/terms.ts';
import type { Context } from '../context.ts';
import type { MendedArguments } from './configured-paths.ts';

/** Mends them, and says in a warning which configured programs run from where they are. @throws HoldfastError `CONFIG` */
export async function mendArguments(
  options: LightningOptions,
  args: readonly Buffer[],
  { id, record }: Pick<Taken, 'id' | 'record'>,
  store: string,
  context: Context,
): Promise<MendedArguments> {
  const mended = mayLeadIntoInstallation(options)
    ? (await import('./configured-paths.ts')).mendConfiguredPaths(args, options, record, `${store}/${id}`)
    : { args, subdaemons: [] };
  const outsiders = new Set([...options.plugins, ...options.pluginDirs, ...mended.subdaemons]);
  if (outsiders.size > 0) {
    context.warn(
      `configured plugins and subdaemons run from where they are, not from the snapshot: ${[...outsiders].map(quote).join(', ')}`,
    );
  }
  return mended;
}

/** Most configurations name no plugin by a path, and load nothing more. */
function mayLeadIntoInstallation({ aboutPrograms, lightningDir }: LightningOptions): boolean {
  return (
    aboutPrograms.some(({ name, value }) => name !== 'disable-plugin' || value.includes('/')) ||
    existsSync(`${lightningDir}/plugins`)
  );
}
