/** Installations for the tests of src/lightning: empty programs, and a lightningd that holds what it is told. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { SUBDAEMONS } from '../../../src/lightning/installation/subdaemons.ts';

/** Writes a file, making its directories; returns its path. */
export function put(path: string, content: string | Uint8Array = 'x', mode = 0o755): string {
  ensureDirSync(dirname(path));
  writeFileSync(path, content, { mode });
  return path;
}

/** All subdaemons in `directory`. */
export function putSubdaemons(directory: string): void {
  for (const name of SUBDAEMONS) put(join(directory, name));
}

/** A segment of an image: its flags by elf(5) (R 4, W 2, X 1), and what is in it. */
export interface Segment {
  readonly flags: number;
  readonly content: Buffer;
}

/** The least that is an ELF image: header, program headers, segments. */
export function elf(segments: readonly Segment[], { wide = true, little = true } = {}): Buffer {
  const [headerSize, entrySize] = wide ? [64, 56] : [52, 32];
  const header = Buffer.alloc(headerSize + entrySize * segments.length);
  const put16 = (value: number, at: number) =>
    little ? header.writeUInt16LE(value, at) : header.writeUInt16BE(value, at);
  const put32 = (value: number, at: number) =>
    little ? header.writeUInt32LE(value, at) : header.writeUInt32BE(value, at);
  const putWord = (value: number, at: number) => {
    if (!wide) put32(value, at);
    else if (little) header.writeBigUInt64LE(BigInt(value), at);
    else header.writeBigUInt64BE(BigInt(value), at);
  };
  header.write('\x7fELF', 'latin1');
  header[4] = wide ? 2 : 1;
  header[5] = little ? 1 : 2;
  putWord(headerSize, wide ? 0x20 : 0x1c);
  put16(entrySize, wide ? 0x36 : 0x2a);
  put16(segments.length, wide ? 0x38 : 0x2c);
  let offset = header.length;
  segments.forEach(({ flags, content }, i) => {
    const at = headerSize + entrySize * i;
    put32(1, at);
    put32(flags, at + (wide ? 4 : 24));
    putWord(offset, at + (wide ? 8 : 4));
    putWord(content.length, at + (wide ? 32 : 16));
    offset += content.length;
  });
  return Buffer.concat([header, ...segments.map(segment => segment.content)]);
}

/** Strings as they stand in .rodata: each ended by a NUL, something else before and after. */
export function rodata(...strings: readonly string[]): Buffer {
  return Buffer.from(`%s: oops\0${strings.map(text => `${text}\0`).join('')}/usr/share/zoneinfo\0end\0`);
}
