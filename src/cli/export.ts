/** The command line of `export`. */
import { resolve } from 'node:path';
import { exportSnapshot as exportCommand } from '../commands/export.ts';
import { EXIT } from '../exit-codes.ts';
import type { Surroundings } from './context.ts';
import { nodeOptions } from './node-options.ts';
import type { Outcome } from './outcome.ts';
import type { CommandRequest } from './take-options.ts';

/** Prints the archive's digest and name, as sha256sum does: the line may go to a SHA256SUMS. @throws HoldfastError */
export async function exportSnapshot(request: CommandRequest, surroundings: Surroundings): Promise<Outcome> {
  const { options, operands } = request;
  const { cwd, progress } = surroundings;
  const [word, file] = [operands[0]!.toString(), operands[1]!.toString()]; // the table asks for two operands
  try {
    const result = await exportCommand(
      {
        ...nodeOptions(options, cwd),
        snapshot: { word, path: resolve(cwd, word) },
        file: resolve(cwd, file),
        onProgress: ({ done, total }) => progress.show('verifying', Number(done), Number(total)),
      },
      surroundings,
    );
    surroundings.detail(
      `${result.version}, ${result.files} files, ${result.bytes} bytes, root ${result.root}`,
    );
    return { status: EXIT.ok, text: `${result.sha256}  ${file}\n`, json: result };
  } finally {
    progress.clear();
  }
}
