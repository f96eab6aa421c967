/**
 * Reads the image of a program for the strings that were compiled into it, in flat memory. Never executes it.
 */
import { fstatSync, readSync } from 'node:fs';

const CHUNK = 1 << 20;
/** elf(5) */
const ELF_MAGIC = 0x7f454c46;
const PT_LOAD = 1;
const PF_X = 1;
const PF_W = 2;

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
  const whole = [[{ offset: 0, length: size }]];
  const header = Buffer.alloc(64);
  if (readSync(fd, header, 0, 64, 0) < 52 || header.readUInt32BE(0) !== ELF_MAGIC) return whole;
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
