/** Reads manifest.json, from wherever: it is untrusted, as is the file that bears the name. */
import { HoldfastError, quote } from '../../errors.ts';
import { readRegularFile } from '../../linux/files/read-file.ts';
import { MAX_MANIFEST_BYTES, type Manifest, parseManifest } from '../../manifest/manifest.ts';
import { sha256 } from '../hash/digest.ts';

/**
 * The manifest at `path`.
 * @param shownAs the path for messages
 * @throws HoldfastError `MANIFEST_INVALID` for one that breaks the format; `UNREADABLE`, `SYSTEM` as readRegularFile
 */
export function readManifest(path: string, shownAs: string = path): Manifest {
  const { bytes } = readRegularFile(path, { mostBytes: MAX_MANIFEST_BYTES, shownAs });
  try {
    return parseManifest(bytes, sha256);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    throw new HoldfastError(error.code, `${quote(shownAs)}: ${error.message}`, {
      path: shownAs,
      cause: error,
    });
  }
}
