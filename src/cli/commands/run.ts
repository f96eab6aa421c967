/** The command line of `run`. */
import { type RunOptions, run as runCommand } from '../../commands/run.ts';
import type { OnUpgradeOptions } from '../../commands/upgrade/supervisor.ts';
import { signalNumber } from '../../linux/process/state.ts';
import type { Surroundings } from '../context.ts';
import type { Outcome } from '../outcome.ts';
import { RUN_ONLY } from '../table.ts';
import { type CommandRequest, prepareOptions } from '../take-options.ts';

/** Becomes lightningd, or its parent: then the outcome is what became of it. @throws HoldfastError */
export async function run(request: CommandRequest, surroundings: Surroundings): Promise<Outcome> {
  const { onUpgrade, ...own } = await ownOptions(request, surroundings.cwd);
  const options = { ...prepareOptions(request, surroundings), ...own };
  if (onUpgrade === undefined) return runCommand(options, surroundings, surroundings.inherited);
  const { stayAsParent } = await import('../../commands/upgrade/stay.ts');
  const { ended, asked } = await stayAsParent(options, onUpgrade, surroundings, surroundings.inherited);
  const nothing = { text: '', json: undefined };
  if ('status' in ended) return { ...nothing, status: ended.status };
  const status = 128 + signalNumber(ended.signal);
  return asked ? { ...nothing, status, signal: ended.signal } : { ...nothing, status };
}

/** The options of `run` alone. */
interface OwnOptions extends Pick<RunOptions, 'confine' | 'use' | 'orPlain'> {
  readonly onUpgrade: OnUpgradeOptions | undefined;
}

/** Most launches have none, and need not load what reads them. @throws HoldfastError `USAGE` */
async function ownOptions(request: CommandRequest, cwd: string): Promise<OwnOptions> {
  if (RUN_ONLY.every(name => request.options[name] === undefined))
    return { confine: undefined, onUpgrade: undefined, use: undefined, orPlain: false };
  const { readConfine, readOnUpgrade, readOrPlain, readUse } = await import('../run-options.ts');
  return {
    confine: readConfine(request.options, cwd),
    onUpgrade: readOnUpgrade(request),
    use: readUse(request.options, cwd),
    orPlain: readOrPlain(request.options),
  };
}
