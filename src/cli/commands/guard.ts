/** The command line of `guard`. */
import { guard as guardCommand } from '../../commands/guard.ts';
import { VERDICT_EXIT } from '../../exit-codes.ts';
import { renderGuard } from '../../render/guard.ts';
import type { Surroundings } from '../context.ts';
import type { Outcome } from '../outcome.ts';
import type { CommandRequest } from '../take-options.ts';

/** Prints what stands in the way, and nothing where nothing does. @throws HoldfastError */
export async function guard(
  { options, operands }: CommandRequest,
  surroundings: Surroundings,
): Promise<Outcome> {
  const after = options.after === true;
  const report = await guardCommand(
    { lightningds: operands.map(word => word.toString()), after },
    surroundings,
  );
  const text = renderGuard(report, after, options.verbose === true);
  return { status: VERDICT_EXIT[report.verdict], text, json: report };
}
