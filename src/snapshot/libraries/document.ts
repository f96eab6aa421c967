/**
 * libraries.json: the held libraries of a snapshot, which are no entries of its manifest. Untrusted input, as a manifest
 * is: parsed strictly, bounded in size, and its text must be the canonical one. Pure. docs/libraries.md has the format.
 */
import { HoldfastError, quote } from '../../errors.ts';
import { invalid, readDigest, readFields } from '../../manifest/entry.ts';
import { readJson, readText } from '../../manifest/json.ts';
import { checkEntryPath, comparePaths, MAX_PATH_BYTES } from '../../manifest/path.ts';

const FORMAT = 'holdfast-libraries/1';
const WHAT = 'libraries.json';

/** Some hundred libraries take a few tens of kilobytes. */
export const MAX_LIBRARIES_BYTES = 4 * 1024 * 1024;

/** A held library. */
export interface HeldLibrary {
  /** what programs ask the loader for, and its name in the snapshot: `libsodium.so.23` */
  readonly name: string;
  /** where it was, absolute, links resolved; in a release archive below the archive's top, without a slash before it */
  readonly path: string;
  /** bytes */
  readonly size: number;
  /** 64 hex digits */
  readonly sha256: string;
}

/** What libraries.json says. */
export interface LibrariesDocument {
  /** sorted by the bytes of their names */
  readonly libraries: readonly HeldLibrary[];
  /** directories of the snapshot in which a link leads to them, sorted */
  readonly directories: readonly string[];
}

/** The canonical text: keys in order, two spaces, a final newline. */
export function formatLibraries({ libraries, directories }: LibrariesDocument): string {
  const document = {
    format: FORMAT,
    directories: [...directories].sort(comparePaths),
    libraries: libraries
      .map(({ name, path, size, sha256 }) => ({ name, path, size, sha256 }))
      .sort((a, b) => comparePaths(a.name, b.name)),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** Reads it. @throws HoldfastError `MANIFEST_INVALID` that says what breaks the format, and where */
export function parseLibraries(bytes: Uint8Array): LibrariesDocument {
  const text = readText(bytes, MAX_LIBRARIES_BYTES, WHAT);
  const fields = readFields(readJson(text, WHAT), ['format', 'directories', 'libraries'], WHAT);
  if (fields.format !== FORMAT) throw invalid('format', FORMAT, fields.format);
  const directories = listOf(fields.directories, 'directories').map(readDirectory);
  const libraries = listOf(fields.libraries, 'libraries').map(readLibrary);
  checkOrder(directories);
  checkOrder(libraries.map(({ name }) => name));
  const document = { libraries, directories };
  if (formatLibraries(document) === text) return document;
  throw new HoldfastError(
    'MANIFEST_INVALID',
    `${WHAT} is not in its canonical form: order of keys, white space or escapes differ`,
  );
}

/** Can a library be held under this name? It must be one component of a path. */
export function isLibraryName(name: string): boolean {
  return !name.includes('/') && checkEntryPath(name) === undefined && Buffer.byteLength(name) <= NAME_MAX;
}

/** limits.h */
const NAME_MAX = 255;

function listOf(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(where, 'a list', value);
}

function readDirectory(value: unknown): string {
  if (typeof value === 'string' && checkEntryPath(value) === undefined) return value;
  throw invalid('directories', 'relative paths', value);
}

function readLibrary(value: unknown, index: number): HeldLibrary {
  const where = `library ${index}`;
  const { name, path, size, sha256 } = readFields(value, ['name', 'path', 'size', 'sha256'], where);
  if (typeof name !== 'string' || !isLibraryName(name)) throw invalid(`${where}: name`, 'a file name', name);
  if (typeof path !== 'string' || !isPlace(path)) throw invalid(`${where}: path`, 'a path', path);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw invalid(`${where}: size`, 'a number of bytes', size);
  return { name, path, size, sha256: readDigest(sha256, `${where}: sha256`) };
}

function isPlace(path: string): boolean {
  if (!path.startsWith('/')) return checkEntryPath(path) === undefined;
  return path.isWellFormed() && !path.includes('\0') && Buffer.byteLength(path) <= MAX_PATH_BYTES;
}

function checkOrder(names: readonly string[]): void {
  for (const [index, name] of names.entries()) {
    const before = names[index - 1];
    if (before === undefined || comparePaths(before, name) < 0) continue;
    throw new HoldfastError('MANIFEST_INVALID', `${WHAT}: ${quote(name)} appears twice, or is out of order`);
  }
}
