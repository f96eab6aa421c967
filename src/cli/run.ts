/** The command line of `run`. */
import { run as runCommand } from '../commands/run.ts';
import { signalNumber } from '../linux/process-state.ts';
import type { Outcome } from './outcome.ts';
import { readConfine, readOnUpgrade } from './run-options.ts';
import type { Surroundings } from './surroundings.ts';
import { type CommandRequest, prepareOptions } from './take-options.ts';

/** Becomes lightningd, or its parent: then the outcome is what became of it. @throws HoldfastError */
export async function run(request: CommandRequest, surroundings: Surroundings): Promise<Outcome> {
  const options = {
    ...prepareOptions(request, surroundings),
    confine: readConfine(request.options, surroundings.cwd),
    onUpgrade: readOnUpgrade(request),
  };
  const { ended, asked } = await runCommand(options, surroundings, surroundings.inherited);
  const nothing = { text: '', json: undefined };
  if ('status' in ended) return { ...nothing, status: ended.status };
  const status = 128 + signalNumber[ended.signal];
  return asked ? { ...nothing, status, signal: ended.signal } : { ...nothing, status };
}
