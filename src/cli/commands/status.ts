/** The command line of `status`. */
import { status as statusCommand } from '../../commands/status.ts';
import { HoldfastError } from '../../errors.ts';
import { VERDICT_EXIT } from '../../exit-codes.ts';
import { renderOpenmetrics } from '../../render/openmetrics.ts';
import { renderStatus } from '../../render/status.ts';
import type { Surroundings } from '../context.ts';
import { nodeOptions } from '../node-options.ts';
import type { Outcome } from '../outcome.ts';
import type { CommandRequest } from '../take-options.ts';

/** Prints what runs; metrics where they were asked for. @throws HoldfastError */
export async function status({ options }: CommandRequest, surroundings: Surroundings): Promise<Outcome> {
  if (options.json === true && options.openmetrics === true)
    throw new HoldfastError('USAGE', '--json and --openmetrics exclude each other');
  const report = await statusCommand(nodeOptions(options, surroundings), surroundings);
  return {
    status: VERDICT_EXIT[report.verdict],
    text:
      options.openmetrics === true
        ? renderOpenmetrics(report)
        : renderStatus(report, options.verbose === true),
    json: report,
  };
}
