/** The command line of `root`. */
import { root as rootCommand } from '../../commands/root.ts';
import { EXIT } from '../../exit-codes.ts';
import { absolutePath } from '../../linux/files/path.ts';
import type { Surroundings } from '../context.ts';
import type { Outcome } from '../outcome.ts';
import type { CommandRequest } from '../take-options.ts';

/** Prints the 64 digits and a newline. */
export async function root({ operands }: CommandRequest, surroundings: Surroundings): Promise<Outcome> {
  const result = await rootCommand(absolutePath(surroundings.cwd, operands[0]!.toString()), surroundings); // the table asks for one operand
  return { status: EXIT.ok, text: `${result.root}\n`, json: result };
}
