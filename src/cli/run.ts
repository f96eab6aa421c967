/** The command line of `run`. */
import { run as runCommand } from '../commands/run.ts';
import type { Outcome } from './outcome.ts';
import type { Surroundings } from './surroundings.ts';
import { type CommandRequest, prepareOptions } from './take-options.ts';

/** Becomes lightningd. @throws HoldfastError */
export function run(request: CommandRequest, surroundings: Surroundings): Promise<Outcome> {
  return runCommand(prepareOptions(request, surroundings), surroundings, surroundings.inherited);
}
