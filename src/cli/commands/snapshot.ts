/** The command line of `snapshot`. */
import { snapshot as snapshotCommand } from '../../commands/snapshot.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Surroundings } from '../context.ts';
import type { Outcome } from '../outcome.ts';
import { type CommandRequest, prepareOptions } from '../take-options.ts';

/** Prints where the snapshot is: one line, for scripts. */
export async function snapshot(request: CommandRequest, surroundings: Surroundings): Promise<Outcome> {
  const options = prepareOptions(request, surroundings);
  const result =
    request.options['dry-run'] === true
      ? await (await import('../../commands/dry-run.ts')).dryRun(options, surroundings)
      : await snapshotCommand(options, surroundings);
  const { files, bytes, placements, reused, version, root, wiped } = result;
  const how = Object.entries(placements).filter(([, count]) => count > 0);
  surroundings.detail(
    `${reused ? 'used again' : result.dryRun ? 'tried' : 'built'}: ${version}, ${files} files, ${bytes} bytes, ${how.map(([name, count]) => `${count} by ${name}`).join(', ')}, root ${root}`,
  );
  for (const name of wiped) surroundings.detail(`wiped ${name}`);
  return { status: EXIT.ok, text: `${result.path}\n`, json: result };
}
