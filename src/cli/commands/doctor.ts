/** The command line of `doctor`. */
import { doctor as doctorCommand } from '../../commands/doctor.ts';
import { VERDICT_EXIT } from '../../exit-codes.ts';
import { renderDoctor } from '../../render/doctor.ts';
import type { Surroundings } from '../context.ts';
import { nodeOptions } from '../node-options.ts';
import type { Outcome } from '../outcome.ts';
import type { CommandRequest } from '../take-options.ts';

/** Prints what was found of each, and what to do. @throws HoldfastError */
export function doctor({ options, operands }: CommandRequest, surroundings: Surroundings): Outcome {
  const report = doctorCommand(
    {
      ...nodeOptions(options, surroundings),
      unit: operands[0]?.toString(),
      isUser: options.user === true,
      node: { path: process.execPath, version: process.version, options: process.execArgv },
    },
    surroundings,
  );
  return { status: VERDICT_EXIT[report.verdict], text: renderDoctor(report), json: report };
}
