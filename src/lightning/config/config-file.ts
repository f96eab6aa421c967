/**
 * Reads lightningd's configuration files as gather_file_configvars() of common/configdir.c does, and says of every
 * line where it came from. Decides nothing about the options in them: options.ts does.
 * - `\r` and `\n` both end a line, so CRLF works; the file ends at its first NUL byte (it is a C string there);
 * - a line is a comment only if it begins with `#`; nothing is trimmed before the name of an option;
 * - `include FILE` reads FILE in its place, relative to the directory of the including file, and must exist.
 * Never reads what would be gone for lightningd afterwards (a pipe), and never more than a bound.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { codedError, errnoOf, HoldfastError, quote } from '../../errors.ts';
import { type ByteString, bytesOf, decodeForDisplay, joinPath } from './byte-string.ts';

/** A line that is neither empty, nor a comment, nor an include. */
export interface ConfigLine {
  /** `name=value` or `name`, exactly as it stands there */
  readonly text: ByteString;
  /** the file that the line stands in, as an absolute path */
  readonly file: ByteString;
  /** from 1; CRLF is one line end */
  readonly line: number;
}

/** All the files of one launch together; an operator's are some kilobytes. */
export const MAX_CONFIG_BYTES = 8 * 1024 * 1024;
/** lightningd gives up beyond (`include_depth > 100`). */
const MAX_INCLUDE_DEPTH = 100;
/** Files that include each other twice multiply without a loop. */
const MAX_FILES = 1_000;

interface Reading {
  readonly take: (line: ConfigLine) => void;
  readonly files: ByteString[];
  bytes: number;
}

/** Where a file is named: on the command line, or by an include. */
interface Included {
  readonly file: ByteString;
  readonly line: number;
}

/**
 * Hands every line of `path` (absolute) and of what it includes to `take`, in the order in which lightningd sees them.
 * @returns the files that were read, the including one first; undefined when there is no such file; why this very file
 *   cannot be opened or read: grab_file() of ccan/tal/grab_file fails then, and lightningd goes on without its default
 *   configuration files
 * @throws HoldfastError CONFIG, naming the file and the line of the include: one that is no regular file, an included file
 *   that is missing or cannot be read, a loop, more than MAX_CONFIG_BYTES
 */
export function readConfigFile(
  path: ByteString,
  take: (line: ConfigLine) => void,
): readonly ByteString[] | HoldfastError | undefined {
  const reading: Reading = { take, files: [], bytes: 0 };
  try {
    return readInto(reading, path, []) ? reading.files : undefined;
  } catch (error) {
    const isOfThisFile = reading.files.length === 0; // those that it includes come when it was read itself
    if (isOfThisFile && error instanceof HoldfastError && error.errno !== undefined) return error;
    throw error;
  }
}

/** Returns false when the file is not there, unless an include names it. `from` is the chain of includes that led here. */
function readInto(reading: Reading, path: ByteString, from: readonly Included[]): boolean {
  const by = from.at(-1);
  if (from.some(({ file }) => file === path))
    throw refusalError(
      path,
      by,
      'it includes itself',
      'remove the include: lightningd refuses the loop as well',
    );
  if (from.length > MAX_INCLUDE_DEPTH)
    throw refusalError(
      path,
      by,
      `includes are nested deeper than ${MAX_INCLUDE_DEPTH}, as lightningd allows`,
    );
  if (reading.files.length >= MAX_FILES)
    throw refusalError(path, by, `there are more than ${MAX_FILES} files`);

  const text = readText(reading, path, by);
  if (text === undefined && by === undefined) return false;
  if (text === undefined)
    throw refusalError(path, by, 'there is no such file (ENOENT)', 'lightningd refuses it as well');
  reading.files.push(path);
  let line = 0;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    line += 1;
    for (const one of text.slice(start, end).split('\r')) readLine(reading, one, { file: path, line }, from);
    start = end + 1;
  }
  return true;
}

function readLine(reading: Reading, text: ByteString, at: Included, from: readonly Included[]): void {
  if (text === '' || text.startsWith('#')) return;
  if (!text.startsWith('include ')) {
    reading.take({ text, ...at });
    return;
  }
  readInto(reading, joinPath(dirname(at.file), text.slice('include '.length)), [...from, at]);
}

function readText(reading: Reading, path: ByteString, by: Included | undefined): ByteString | undefined {
  let fd: number;
  try {
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    fd = openSync(bytesOf(path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    // grab_file() of ccan/tal/grab_file fails: no such file, unless it must exist.
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw readError(path, by, error);
  }
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw refusalError(path, by, 'it is a directory (EISDIR)', undefined, 'EISDIR');
    if (stat.isCharacterDevice() && stat.rdev === NULL_DEVICE) return '';
    if (!stat.isFile())
      throw refusalError(
        path,
        by,
        'it is no regular file, and reading it would take it away from lightningd',
        ['put the configuration into a file: a pipe (<(...) in a shell) can be read only once'],
      );
    return readAll(fd, reading, path, by);
  } catch (error) {
    throw readError(path, by, error);
  } finally {
    closeSync(fd);
  }
}

/** makedev(1, 3): `--conf=/dev/null` is how one says "no configuration". */
const NULL_DEVICE = 0x103;

/** To the end or the first NUL. Not by the file's size: files in /proc have none. */
function readAll(fd: number, reading: Reading, path: ByteString, by: Included | undefined): ByteString {
  const parts: ByteString[] = [];
  const chunk = Buffer.allocUnsafe(64 * 1024);
  for (;;) {
    const length = readSync(fd, chunk, 0, chunk.length, null);
    if (length === 0) break;
    reading.bytes += length;
    if (reading.bytes > MAX_CONFIG_BYTES)
      throw refusalError(path, by, `configuration files of more than ${MAX_CONFIG_BYTES} bytes are not read`);
    const nul = chunk.subarray(0, length).indexOf(0);
    parts.push(chunk.toString('latin1', 0, nul === -1 ? length : nul));
    if (nul !== -1) break;
  }
  return parts.join('');
}

function readError(path: ByteString, by: Included | undefined, error: unknown): HoldfastError {
  return codedError('CONFIG', what(path, by), decodeForDisplay(path), error);
}

function refusalError(
  path: ByteString,
  by: Included | undefined,
  why: string,
  hint?: string | readonly string[],
  errno?: string,
) {
  return new HoldfastError('CONFIG', `${what(path, by)}: ${why}`, {
    path: decodeForDisplay(path),
    hint,
    errno,
  });
}

/** `/etc/lightningd/config line 3: cannot include '/etc/lightningd/more'` */
function what(path: ByteString, by: Included | undefined): string {
  const name = quote(decodeForDisplay(path));
  return by === undefined
    ? `cannot read the configuration file ${name}`
    : `${quote(decodeForDisplay(by.file))} line ${by.line}: cannot include ${name}`;
}
