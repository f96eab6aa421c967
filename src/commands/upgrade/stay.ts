/** `holdfast run --on-upgrade`: finds lightningd as `run` does, and stays as the parent of the one that it starts. */
import { HoldfastError } from '../../errors.ts';
import type { Inherited } from '../../launch/inherited.ts';
import { launch } from '../../launch/launch.ts';
import type { Context } from '../context.ts';
import { asInstalled, findTarget, type TimelyOptions } from '../take/target.ts';
import { type OnUpgradeOptions, type RunEnd, runUntilItEnds } from './supervisor.ts';

/**
 * Runs lightningd, and restarts it after an upgrade. Where it would only answer, the installed one is executed as it is.
 * @returns how lightningd ended
 * @throws HoldfastError as findTarget; `USAGE` for a daemon; `SYSTEM` where nothing could be started at all
 */
export async function stayAsParent(
  options: TimelyOptions,
  onUpgrade: OnUpgradeOptions,
  context: Context,
  inherited: Inherited,
): Promise<RunEnd> {
  const target = await findTarget(options, context);
  const installed = asInstalled(target, options);
  if (installed !== undefined) return launch(installed, inherited);
  refuseWhatLeaves(target.options.daemon, inherited);
  return runUntilItEnds(onUpgrade, target.lightningd, target.options, context, inherited);
}

/** @throws HoldfastError `USAGE` for what cannot be restarted: a daemon leaves its parent */
function refuseWhatLeaves(daemon: boolean, { environment }: Inherited): void {
  if (environment === undefined) {
    throw new HoldfastError('UNSUPPORTED', '--on-upgrade needs to be started by bin/holdfast');
  }
  if (!daemon) return;
  throw new HoldfastError('USAGE', '--on-upgrade and daemon exclude each other: a daemon leaves its parent', {
    hint: 'start it without --daemon (and no `daemon` in its configuration), under a service manager',
  });
}
