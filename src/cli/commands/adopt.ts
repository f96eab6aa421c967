/** The command line of `adopt`. */
import { adopt as adoptCommand } from '../../commands/adopt.ts';
import { HoldfastError } from '../../errors.ts';
import { VERDICT_EXIT } from '../../exit-codes.ts';
import { renderAdopt } from '../../render/adopt.ts';
import type { Surroundings } from '../context.ts';
import type { Outcome } from '../outcome.ts';
import type { CommandRequest } from '../take-options.ts';

/** Prints what was done, or what would be. @throws HoldfastError */
export async function adopt(
  { options, operands }: CommandRequest,
  surroundings: Surroundings,
): Promise<Outcome> {
  if (options.print === true && options.undo === true)
    throw new HoldfastError('USAGE', '--print and --undo exclude each other');
  const report = await adoptCommand(
    {
      unit: operands[0]?.toString(),
      action: options.print === true ? 'print' : options.undo === true ? 'undo' : 'adopt',
      isUser: options.user === true,
      node: process.execPath,
    },
    surroundings,
  );
  return {
    status: VERDICT_EXIT[report.verdict],
    text: renderAdopt(report, options.user === true),
    json: report,
  };
}
