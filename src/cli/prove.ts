/** The command line of `prove`. */
import { resolve } from 'node:path';
import { prove as proveCommand } from '../commands/prove.ts';
import { EXIT } from '../exit-codes.ts';
import type { Surroundings } from './context.ts';
import type { Outcome } from './outcome.ts';
import type { CommandRequest } from './take-options.ts';

/** Prints the proof: JSON either way, in one line with --json. */
export async function prove({ operands }: CommandRequest, { cwd }: Surroundings): Promise<Outcome> {
  const proof = await proveCommand(resolve(cwd, operands[0]!.toString())); // the table asks for one operand
  return { status: EXIT.ok, text: `${JSON.stringify(proof, null, 2)}\n`, json: proof };
}
