/** The command line of `export`. */
import { exportSnapshot as exportCommand } from '../../commands/export.ts';
import { HoldfastError, quote } from '../../errors.ts';
import { EXIT } from '../../exit-codes.ts';
import { absolutePath } from '../../linux/files/path.ts';
import type { Surroundings } from '../context.ts';
import { nodeOptions } from '../node-options.ts';
import type { Outcome } from '../outcome.ts';
import type { CommandRequest } from '../take-options.ts';

/** Prints the archive's digest and name, as sha256sum does: the line may go to a SHA256SUMS. @throws HoldfastError */
export async function exportSnapshot(request: CommandRequest, surroundings: Surroundings): Promise<Outcome> {
  const { options, operands } = request;
  const { cwd, progress } = surroundings;
  const [word, file] = [operands[0]!.toString(), operands[1]!.toString()]; // the table asks for two operands
  refuseOtherFormat(file);
  try {
    const result = await exportCommand(
      {
        ...nodeOptions(options, surroundings),
        snapshot: { word, path: absolutePath(cwd, word) },
        file: absolutePath(cwd, file),
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

/** Names of archives that it would not be. */
const OTHER_FORMATS = /\.(zip|tar|xz|txz|zst|tzst|bz2|tbz2?|7z|rar)$/i;

/** A name that promises another format would mislead whoever unpacks it. @throws HoldfastError `USAGE` */
function refuseOtherFormat(file: string): void {
  const [found] = OTHER_FORMATS.exec(file) ?? [];
  if (found === undefined) return;
  throw new HoldfastError(
    'USAGE',
    `export writes a tar archive compressed by gzip, and ${quote(file)} says ${found}`,
    {
      hint: `name it ${file.replace(/(\.tar)?\.[^.]+$/, '')}.tar.gz`,
    },
  );
}
