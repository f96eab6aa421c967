/** The command line of `status`. */
import { status as statusCommand } from '../commands/status.ts';
import { HoldfastError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { renderOpenmetrics } from '../render/openmetrics.ts';
import { renderStatus } from '../render/status.ts';
import type { Surroundings } from './context.ts';
import { nodeValues } from './node-options.ts';
import type { Outcome } from './outcome.ts';
import { absolute, type CommandRequest } from './take-options.ts';

/** 0: all is well; 1: a restart is pending, or something is not as it should be; 2: it could not be determined. */
const STATUS = { ok: EXIT.ok, finding: EXIT.finding, unknown: EXIT.undetermined } as const;

/** Prints what runs; metrics where they were asked for. @throws HoldfastError */
export async function status({ options }: CommandRequest, surroundings: Surroundings): Promise<Outcome> {
  if (options.json === true && options.openmetrics === true)
    throw new HoldfastError('USAGE', '--json and --openmetrics exclude each other');
  const { lightningDir, network, conf } = nodeValues(options);
  const report = await statusCommand(
    { lightningDir, network, conf, snapshotDir: absolute(options['snapshot-dir'], surroundings.cwd) },
    surroundings,
  );
  return {
    status: STATUS[report.verdict],
    text:
      options.openmetrics === true
        ? renderOpenmetrics(report)
        : renderStatus(report, options.verbose === true),
    json: report,
  };
}
