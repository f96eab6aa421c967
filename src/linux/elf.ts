/**
 * Reads the image of a program for the strings that were compiled into it, in flat memory. Never executes it.
 */
import { fstatSync, readSync } from 'node:fs';

const CHUNK = 1 << 20;
/** elf(5) */
const ELF_MAGIC = 0x7f454c46;
const PT_LOAD = 1;
const PT_INTERP = 3;
const PF_X = 1;
const PF_W = 2;
/** limits.h */
const PATH_MAX = 4096;

/** A part of a file, bytes. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** Does the file begin as an ELF image does? */
export function isElf(fd: number): boolean {
  const magic = Buffer.alloc(4);
  return readSync(fd, magic, 0, 4, 0) === 4 && magic.readUInt32BE() === ELF_MAGIC;
}

/**
 * The parts of a file in which to look for constants, in helpings: the read-only segments, the other segments (linkers
 * without `-z separate-code` put constants beside the code), all of it. Of a file that is no ELF: all of it.
 * elf(5)
 */
export function loadedRanges(fd: number): Range[][] {
  const { size } = fstatSync(fd);
  const loaded = segmentsOf(fd, size).filter(({ type, offset }) => type === PT_LOAD && offset <= size);
  const whole = [[{ offset: 0, length: size }]];
  if (loaded.length === 0) return whole;
  const isReadOnly = ({ flags }: Segment) => (flags & (PF_X | PF_W)) === 0;
  return [loaded.filter(isReadOnly), loaded.filter(segment => !isReadOnly(segment)), ...whole];
}

/** The ELF interpreter (the dynamic loader) that a program asks the kernel for; undefined for a static one. elf(5) */
export function elfInterpreter(fd: number): string | undefined {
  const { size } = fstatSync(fd);
  const segment = segmentsOf(fd, size).find(({ type }) => type === PT_INTERP);
  if (segment === undefined || segment.length > PATH_MAX) return undefined;
  const bytes = Buffer.alloc(segment.length);
  const read = readSync(fd, bytes, 0, bytes.length, segment.offset);
  return bytes.toString('utf8', 0, read).replace(/\0.*$/s, '');
}

interface Segment extends Range {
  readonly type: number;
  readonly flags: number;
}

/** The program headers; none of a file that is no ELF, or whose table is not all there. */
function segmentsOf(fd: number, size: number): Segment[] {
  const header = Buffer.alloc(64);
  if (readSync(fd, header, 0, 64, 0) < 52 || header.readUInt32BE(0) !== ELF_MAGIC) return [];
  const wide = header[4] === 2;
  const little = header[5] === 1;
  const half = (b: Buffer, at: number) => (little ? b.readUInt16LE(at) : b.readUInt16BE(at));
  const word = (b: Buffer, at: number) => (little ? b.readUInt32LE(at) : b.readUInt32BE(at));
  const address = (b: Buffer, at: number) =>
    wide ? Number(little ? b.readBigUInt64LE(at) : b.readBigUInt64BE(at)) : word(b, at);

  const entrySize = half(header, wide ? 0x36 : 0x2a);
  const count = half(header, wide ? 0x38 : 0x2c);
  const tableAt = address(header, wide ? 0x20 : 0x1c);
  if (entrySize < (wide ? 56 : 32) || tableAt + entrySize * count > size) return [];
  const table = Buffer.alloc(entrySize * count);
  if (readSync(fd, table, 0, table.length, tableAt) < table.length) return [];
  return Array.from({ length: count }, (_, index) => {
    const at = index * entrySize;
    return {
      type: word(table, at),
      flags: word(table, at + (wide ? 4 : 24)),
      offset: address(table, at + (wide ? 8 : 4)),
      length: address(table, at + (wide ? 32 : 16)),
    };
  });
}

/**
 * The bytes of these parts, chunk by chunk. The end of a chunk comes again at the start of the next of the same part, so
 * that a string of up to `overlap` bytes is whole in one of them. A chunk is only good until the next is asked for.
 */
export function* chunksOf(
  fd: number,
  ranges: readonly Range[],
  overlap: number,
): Generator<Buffer, void, undefined> {
  const buffer = Buffer.allocUnsafe(CHUNK + overlap);
  for (const { offset, length } of ranges) {
    let kept = 0;
    for (let at = offset; at < offset + length; ) {
      const got = readSync(fd, buffer, kept, Math.min(CHUNK, offset + length - at), at);
      if (got === 0) break;
      at += got;
      const filled = buffer.subarray(0, kept + got);
      yield filled;
      kept = Math.min(filled.length, overlap);
      buffer.copyWithin(0, filled.length - kept, filled.length);
    }
  }
}
