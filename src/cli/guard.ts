/** The command line of `guard`. */
import { resolve } from 'node:path';
import { guard as guardCommand } from '../commands/guard.ts';
import { EXIT } from '../exit-codes.ts';
import { renderGuard } from '../render/guard.ts';
import type { Surroundings } from './context.ts';
import type { Outcome } from './outcome.ts';
import type { CommandRequest } from './take-options.ts';

/** 0: go on; 1: a node stands in the way, or must be restarted; 2: it could not be determined. */
const STATUS = { ok: EXIT.ok, finding: EXIT.finding, unknown: EXIT.undetermined } as const;

/** Prints what stands in the way, and nothing where nothing does. @throws HoldfastError */
export function guard({ options, operands }: CommandRequest, surroundings: Surroundings): Outcome {
  const after = options.after === true;
  const report = guardCommand(
    { lightningds: operands.map(word => resolve(surroundings.cwd, word.toString())), after },
    surroundings,
  );
  const text = options.quiet === true ? '' : renderGuard(report, after, options.verbose === true);
  return { status: STATUS[report.verdict], text, json: report };
}
