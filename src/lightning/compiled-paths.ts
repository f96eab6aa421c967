/**
 * The paths that were compiled into a program: NUL-terminated strings in its image that begin with `/` (BINDIR,
 * PKGLIBEXECDIR and PLUGINDIR, which Core Lightning's Makefile passes with -D) or with `../` (BINTOPKGLIBEXECDIR, as
 * before v23.08). Says nothing about which is which.
 * Reads in chunks, so that memory stays flat, and looks at the read-only segments first: of an image of 10 MB these
 * are the 1 or 2 MB that hold string constants. Never executes the file, and is not meant to be exhausted: the last helping is slow.
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { quote } from '../errors.ts';
import { fault } from './fault.ts';

const CHUNK = 1 << 20;
const PATH_MAX = 4096;
const SLASH = 0x2f;
const DOT = 0x2e;
/** elf(5) */
const PT_LOAD = 1;
const PF_X = 1;
const PF_W = 2;
/** A lightningd holds some hundred; an image with more is not one, and must not cost its reader time. */
const MAX_STRINGS = 5_000;

interface Range {
  readonly offset: number;
  readonly length: number;
}

/**
 * The strings of the image, in helpings: those of the read-only segments, then those of the other segments (linkers
 * without `-z separate-code` put constants beside the code), then all of the file. Stop when one holds what is needed.
 * A file that is not ELF (a script) is one helping.
 * @throws HoldfastError UNREADABLE
 */
export function* compiledPaths(path: string): Generator<readonly string[], void, undefined> {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    for (const ranges of loadedRanges(fd)) yield stringsIn(fd, ranges);
  } catch (error) {
    throw fault('UNREADABLE', `cannot read ${quote(path)}`, path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The parts of the file in which to look, by elf(5); the whole file when it is no ELF. */
function loadedRanges(fd: number): Range[][] {
  const { size } = fstatSync(fd);
  const whole = [[{ offset: 0, length: size }]];
  const header = Buffer.alloc(64);
  if (readSync(fd, header, 0, 64, 0) < 52 || header.readUInt32BE(0) !== 0x7f454c46) return whole;
  const wide = header[4] === 2;
  const little = header[5] === 1;
  const half = (b: Buffer, at: number) => (little ? b.readUInt16LE(at) : b.readUInt16BE(at));
  const word = (b: Buffer, at: number) => (little ? b.readUInt32LE(at) : b.readUInt32BE(at));
  const address = (b: Buffer, at: number) =>
    wide ? Number(little ? b.readBigUInt64LE(at) : b.readBigUInt64BE(at)) : word(b, at);

  const entrySize = half(header, wide ? 0x36 : 0x2a);
  const count = half(header, wide ? 0x38 : 0x2c);
  const tableAt = address(header, wide ? 0x20 : 0x1c);
  if (entrySize < (wide ? 56 : 32) || tableAt + entrySize * count > size) return whole;
  const table = Buffer.alloc(entrySize * count);
  if (readSync(fd, table, 0, table.length, tableAt) < table.length) return whole;

  const readOnly: Range[] = [];
  const others: Range[] = [];
  for (let at = 0; at < table.length; at += entrySize) {
    if (word(table, at) !== PT_LOAD) continue;
    const flags = word(table, at + (wide ? 4 : 24));
    const range = {
      offset: address(table, at + (wide ? 8 : 4)),
      length: address(table, at + (wide ? 32 : 16)),
    };
    if (range.offset > size) continue;
    (flags & (PF_X | PF_W) ? others : readOnly).push(range);
  }
  return readOnly.length + others.length === 0 ? whole : [readOnly, others, ...whole];
}

function stringsIn(fd: number, ranges: readonly Range[]): string[] {
  const found = new Set<string>();
  // A string that begins in one chunk and ends in the next is whole in the next one: the overlap holds the longest.
  const buffer = Buffer.allocUnsafe(CHUNK + PATH_MAX + 1);
  for (const { offset, length } of ranges) {
    let kept = 0;
    for (let at = offset; at < offset + length; ) {
      const want = Math.min(CHUNK, offset + length - at);
      const got = readSync(fd, buffer, kept, want, at);
      if (got === 0) break;
      at += got;
      const filled = buffer.subarray(0, kept + got);
      collect(filled, found);
      kept = Math.min(filled.length, PATH_MAX + 1);
      buffer.copyWithin(0, filled.length - kept, filled.length);
    }
  }
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
