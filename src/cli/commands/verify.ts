/** The command line of `verify`. */
import { verify as verifyCommand, verifyProof } from '../../commands/verify.ts';
import { HoldfastError } from '../../errors.ts';
import { VERDICT_EXIT } from '../../exit-codes.ts';
import { absolutePath } from '../../linux/files/path.ts';
import { renderVerify } from '../../render/verify.ts';
import type { Surroundings } from '../context.ts';
import { nodeOptions } from '../node-options.ts';
import type { Outcome } from '../outcome.ts';
import { absolute, type CommandRequest, readRoot } from '../take-options.ts';

/** Prints what was verified, and each finding. @throws HoldfastError */
export async function verify(request: CommandRequest, surroundings: Surroundings): Promise<Outcome> {
  const { options, operands } = request;
  const { cwd, progress } = surroundings;
  const word = operands[0]?.toString();
  const expectRoot = readRoot(options['expect-root']);
  const proof = absolute(options.proof, cwd);
  const common = nodeOptions(options, surroundings);
  try {
    const result =
      proof === undefined
        ? await verifyCommand(
            {
              ...common,
              snapshot: word === undefined ? undefined : { word, path: absolutePath(cwd, word) },
              expectRoot,
              running: options.running === true,
              onProgress: ({ done, total }) => progress.show('verifying', Number(done), Number(total)),
            },
            surroundings,
          )
        : await verifyProof(...proofWords(request, cwd, proof, expectRoot));
    return {
      status: VERDICT_EXIT[result.verdict],
      text: renderVerify(result, options.verbose === true),
      json: result,
    };
  } finally {
    progress.clear();
  }
}

function proofWords(
  { options, operands }: CommandRequest,
  cwd: string,
  proof: string,
  expectRoot: string | undefined,
): [file: string, proofFile: string, expectRoot: string] {
  const file = operands[0]?.toString();
  const hint = 'holdfast verify --proof=PROOF.json --expect-root=HEX FILE';
  if (file === undefined) throw new HoldfastError('USAGE', '--proof needs the FILE to check', { hint });
  if (options.running === true)
    throw new HoldfastError('USAGE', '--proof and --running exclude each other', { hint });
  if (expectRoot === undefined) {
    throw new HoldfastError('USAGE', '--proof needs --expect-root: a proof brings its own root', { hint });
  }
  return [absolutePath(cwd, file), proof, expectRoot];
}
