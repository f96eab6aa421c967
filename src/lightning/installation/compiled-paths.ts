/**
 * The paths that were compiled into a program: NUL-terminated strings in its image that begin with `/` (BINDIR,
 * PKGLIBEXECDIR and PLUGINDIR, which Core Lightning's Makefile passes with -D) or with `../` (BINTOPKGLIBEXECDIR, as
 * before v23.08). Says nothing about which is which.
 * Reads in chunks, so that memory stays flat, and looks at the read-only segments first: of an image of 10 MB these
 * are the 1 or 2 MB that hold string constants. Never executes the file, and is not meant to be exhausted: the last group is slow.
 */

import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { codedError, HoldfastError, quote } from '../../errors.ts';
import { chunksOf, loadedRanges, type Range } from '../../linux/elf.ts';

const PATH_MAX = 4096;
const SLASH = 0x2f;
const DOT = 0x2e;
/** A lightningd holds some hundred; an image with more is not one, and must not cost its reader time. */
const MAX_STRINGS = 5_000;

/**
 * The strings of the image, group by group: those of the read-only segments, then those of the other segments (linkers
 * without `-z separate-code` put constants beside the code), then all of the file. Stop when one holds what is needed.
 * A file that is not ELF (a script) is one group.
 * @throws HoldfastError UNREADABLE
 */
export function* compiledPaths(path: string): Generator<readonly string[], void, undefined> {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // it may be a FIFO: a user's record names it
    if (!fstatSync(fd).isFile())
      throw new HoldfastError('UNREADABLE', `${quote(path)} is no regular file`, { path });
    for (const ranges of loadedRanges(fd)) yield stringsIn(fd, ranges);
  } catch (error) {
    throw codedError('UNREADABLE', `cannot read ${quote(path)}`, path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function stringsIn(fd: number, ranges: readonly Range[]): string[] {
  const found = new Set<string>();
  for (const chunk of chunksOf(fd, ranges, PATH_MAX + 1)) collect(chunk, found);
  return [...found];
}

/** Looks for the slash and then to its left: NULs are too many to start from (measured: 5 times slower). */
function collect(chunk: Buffer, found: Set<string>): void {
  for (let slash = chunk.indexOf(SLASH); slash !== -1; slash = chunk.indexOf(SLASH, slash + 1)) {
    const dots = chunk[slash - 1] === DOT && chunk[slash - 2] === DOT ? 2 : 0;
    const start = slash - dots;
    if (chunk[start - 1] !== 0) continue;
    const end = chunk.indexOf(0, slash);
    if (end === -1) return;
    const bytes = chunk.subarray(start, end);
    slash = end;
    if (bytes.length < 2 || bytes.length >= PATH_MAX || !isUtf8(bytes)) continue;
    const text = bytes.toString();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a path with control characters is code, not a path
    if (!/[\x00-\x1f\x7f]/.test(text) && found.size < MAX_STRINGS) found.add(text);
  }
}
