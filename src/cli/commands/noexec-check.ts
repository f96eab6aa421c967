/** The command line of `noexec-check`. */
import { nodeDirectory } from '../../commands/node-directory.ts';
import { noexecCheck } from '../../commands/noexec-check.ts';
import { VERDICT_EXIT } from '../../exit-codes.ts';
import { absolutePath } from '../../linux/files/path.ts';
import { renderNoexecCheck } from '../../render/noexec-check.ts';
import type { Surroundings } from '../context.ts';
import { nodeOptions } from '../node-options.ts';
import type { Outcome } from '../outcome.ts';
import type { CommandRequest } from '../take-options.ts';

/** Can it hold programs? That it cannot is a finding. */
const VERDICTS = { yes: 'ok', no: 'finding', unknown: 'unknown' } as const;

/** Prints what was found of each directory, what `run` would use, and what to type. */
export function checkNoexec({ options, operands }: CommandRequest, surroundings: Surroundings): Outcome {
  const { cwd } = surroundings;
  const { lightningDir, store } = nodeDirectory(
    nodeOptions(options, surroundings),
    surroundings,
    'configuration',
  );
  const report = noexecCheck(
    {
      directories: operands.map(word => absolutePath(cwd, word.toString())),
      store,
      lightningDir,
      lightningd: undefined,
    },
    surroundings,
  );
  return {
    status: VERDICT_EXIT[VERDICTS[report.holds]],
    text: `${renderNoexecCheck(report).join('\n')}\n`,
    json: report,
  };
}
