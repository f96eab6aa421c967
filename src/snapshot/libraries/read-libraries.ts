/** Reads libraries.json: it is untrusted, as is the file that bears the name. */
import { readRegularFile } from '../../linux/files/read-file.ts';
import { type LibrariesDocument, MAX_LIBRARIES_BYTES, parseLibraries } from './document.ts';

/** @throws HoldfastError `MANIFEST_INVALID` for one that breaks the format; `UNREADABLE`, `SYSTEM` as readRegularFile */
export function readLibraries(path: string): LibrariesDocument {
  return parseLibraries(readRegularFile(path, { mostBytes: MAX_LIBRARIES_BYTES }).bytes);
}
