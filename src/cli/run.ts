/** The command line of `run`. */
import type { ConfineOptions } from '../commands/confine.ts';
import { run as runCommand } from '../commands/run.ts';
import { HoldfastError } from '../errors.ts';
import type { Outcome } from './outcome.ts';
import type { Surroundings } from './surroundings.ts';
import { absolute, type CommandRequest, prepareOptions } from './take-options.ts';
import type { GivenOptions } from './words.ts';

/** Becomes lightningd. @throws HoldfastError */
export function run(request: CommandRequest, surroundings: Surroundings): Promise<Outcome> {
  const options = {
    ...prepareOptions(request, surroundings),
    confine: readConfine(request.options, surroundings.cwd),
  };
  return runCommand(options, surroundings, surroundings.inherited);
}

/** `--confine` and `--allow-exec`. @throws HoldfastError `USAGE` */
function readConfine(
  { confine, 'allow-exec': allowExec }: GivenOptions,
  cwd: string,
): ConfineOptions | undefined {
  if (confine === undefined) {
    if (allowExec === undefined) return undefined;
    throw new HoldfastError('USAGE', '--allow-exec says what --confine is to allow', {
      hint: 'holdfast run --confine --allow-exec=PATH lightningd …',
    });
  }
  if (confine !== true && confine !== 'best-effort') {
    throw new HoldfastError('USAGE', `--confine=${confine} is not --confine or --confine=best-effort`);
  }
  const paths = typeof allowExec === 'string' ? allowExec.split('\0') : [];
  return { mode: confine, allowExec: paths.map(path => absolute(path, cwd) ?? path) };
}
