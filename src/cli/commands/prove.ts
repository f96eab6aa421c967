/** The command line of `prove`. */
import { fileInCurrent, prove as proveCommand } from '../../commands/prove.ts';
import { EXIT } from '../../exit-codes.ts';
import { absolutePath } from '../../linux/files/path.ts';
import type { Surroundings } from '../context.ts';
import { nodeOptions } from '../node-options.ts';
import type { Outcome } from '../outcome.ts';
import type { CommandRequest } from '../take-options.ts';

/** With one of these FILE is a path below the node's current snapshot. */
const NAMES_A_SNAPSHOT = ['snapshot-dir', 'lightning-dir', 'network', 'conf'] as const;

/** Prints the proof: JSON either way, in one line with --json. @throws HoldfastError */
export async function prove(
  { options, operands }: CommandRequest,
  surroundings: Surroundings,
): Promise<Outcome> {
  const { cwd } = surroundings;
  const word = operands[0]!.toString(); // the table asks for one operand
  const isNamed = NAMES_A_SNAPSHOT.some(name => options[name] !== undefined);
  const file = isNamed
    ? fileInCurrent(word, nodeOptions(options, surroundings), surroundings)
    : absolutePath(cwd, word);
  const proof = await proveCommand(file);
  return { status: EXIT.ok, text: `${JSON.stringify(proof, null, 2)}\n`, json: proof };
}
