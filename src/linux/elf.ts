/**
 * Reads the image of a program: what its headers say, and the strings that were compiled into it, in flat memory. Never
 * executes it, and believes nothing of it: an image may be cut short, or not be one at all.
 */
import { fstatSync, readSync } from 'node:fs';

const CHUNK = 1 << 20;
/** elf(5) */
const ELF_MAGIC = 0x7f454c46;
const ET_REL = 1;
const ET_CORE = 4;
const PT_LOAD = 1;
const PT_INTERP = 3;
const PF_X = 1;
const PF_W = 2;
const SHT_NULL = 0;
const SHT_NOBITS = 8;
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

/** What an image says of itself in its headers. elf(5) */
export interface Elf {
  /** a program or a shared library, not an object file (`.o`) or a core dump */
  readonly isLoadable: boolean;
  /** the dynamic loader that a program asks the kernel for (PT_INTERP); undefined for a static one, or a library */
  readonly interpreter: string | undefined;
  /** the parts that are loaded and never written to: where a compiler keeps its constants */
  readonly constants: readonly Range[];
}

/** Reads the headers; undefined for a file that is no ELF. */
export function readElf(fd: number): Elf | undefined {
  const header = readHeader(fd);
  if (header === undefined) return undefined;
  const segments = segmentsOf(fd, header);
  const named = segments.find(({ type }) => type === PT_INTERP);
  return {
    isLoadable: header.type !== ET_REL && header.type !== ET_CORE,
    interpreter: named === undefined ? undefined : readText(fd, named),
    constants: segments.filter(({ type, flags }) => type === PT_LOAD && (flags & PF_W) === 0),
  };
}

/** The size that a file has at least by its ELF headers: a shorter one is cut short. undefined for a file that is no ELF. */
export function sizeByHeaders(fd: number): number | undefined {
  const header = readHeader(fd);
  if (header === undefined) return undefined;
  const { sections, segments, bytes } = header;
  // the table of sections mostly ends the file: all else comes before it
  const end = sections.offset + sections.length;
  if (end > bytes && end >= fstatSync(fd).size) return end;
  const parts = [segments, sections, ...segmentsOf(fd, header), ...sectionsOf(fd, header)];
  return parts.reduce((most, { offset, length }) => Math.max(most, offset + length), bytes);
}

/**
 * The parts of a file in which to look for constants, group by group: the read-only segments, the other segments (linkers
 * without `-z separate-code` put constants beside the code), all of it. Of a file that is no ELF: all of it.
 */
export function loadedRanges(fd: number): Range[][] {
  const { size } = fstatSync(fd);
  const header = readHeader(fd);
  const segments = header === undefined ? [] : segmentsOf(fd, header);
  const loaded = segments.filter(({ type, offset }) => type === PT_LOAD && offset <= size);
  const whole = [[{ offset: 0, length: size }]];
  if (loaded.length === 0) return whole;
  const isReadOnly = ({ flags }: Segment) => (flags & (PF_X | PF_W)) === 0;
  return [loaded.filter(isReadOnly), loaded.filter(segment => !isReadOnly(segment)), ...whole];
}

/** The ELF interpreter (the dynamic loader) that a program asks the kernel for; undefined for a static one. elf(5) */
export function elfInterpreter(fd: number): string | undefined {
  return readElf(fd)?.interpreter;
}

function readText(fd: number, { offset, length }: Range): string | undefined {
  if (length > PATH_MAX || offset > fstatSync(fd).size) return undefined;
  const bytes = Buffer.alloc(length);
  const read = readSync(fd, bytes, 0, length, offset);
  return bytes.toString('utf8', 0, read).replace(/\0.*$/s, '');
}

/** A program header, as far as it is of use. */
export interface Segment extends Range {
  readonly type: number;
  readonly flags: number;
  /** where it lies in memory before it is moved as a whole */
  readonly address: number;
}

/** The program headers, and how the image writes its words. */
export interface Segments {
  readonly segments: readonly Segment[];
  readonly isWide: boolean;
  /** reads a word of 64 bits in a 64-bit image, else of 32; `at` is that of either */
  readonly long: (bytes: Buffer, at64: number, at32: number) => number;
}

/** Reads them; undefined for a file that is no ELF. */
export function readSegments(fd: number): Segments | undefined {
  const header = readHeader(fd);
  if (header === undefined) return undefined;
  return { segments: segmentsOf(fd, header), isWide: header.isWide, long: header.long };
}

/** A table of headers: `length` is that of all of it. */
interface Table extends Range {
  readonly entrySize: number;
}

interface Header {
  readonly type: number;
  /** the size of the header itself */
  readonly bytes: number;
  readonly segments: Table;
  readonly sections: Table;
  readonly word: (bytes: Buffer, at: number) => number;
  /** a word of 64 bits in a 64-bit image, else of 32; `at` is that of either */
  readonly long: (bytes: Buffer, at64: number, at32: number) => number;
  readonly isWide: boolean;
}

/** The ELF header; undefined of a file that does not begin as one. What the file does not hold is read as 0. */
function readHeader(fd: number): Header | undefined {
  const bytes = Buffer.alloc(64);
  if (readSync(fd, bytes, 0, 64, 0) < 4 || bytes.readUInt32BE(0) !== ELF_MAGIC) return undefined;
  const isWide = bytes[4] === 2;
  const little = bytes[5] === 1;
  const half = (b: Buffer, at: number) => (little ? b.readUInt16LE(at) : b.readUInt16BE(at));
  const word = (b: Buffer, at: number) => (little ? b.readUInt32LE(at) : b.readUInt32BE(at));
  const long = (b: Buffer, at64: number, at32: number) => {
    if (!isWide) return word(b, at32);
    return little ? word(b, at64) + word(b, at64 + 4) * 2 ** 32 : word(b, at64) * 2 ** 32 + word(b, at64 + 4);
  };
  const table = (offset: number, sizeAt: number): Table => {
    const entrySize = half(bytes, sizeAt);
    return { offset, entrySize, length: offset === 0 ? 0 : entrySize * half(bytes, sizeAt + 2) };
  };
  return {
    type: half(bytes, 0x10),
    bytes: isWide ? 64 : 52,
    segments: table(long(bytes, 0x20, 0x1c), isWide ? 0x36 : 0x2a),
    sections: table(long(bytes, 0x28, 0x20), isWide ? 0x3a : 0x2e),
    word,
    long,
    isWide,
  };
}

/** The program headers; none where their table is not all there. */
function segmentsOf(fd: number, header: Header): Segment[] {
  const { isWide, word, long } = header;
  return entriesOf(fd, header.segments, isWide ? 56 : 32).map(entry => ({
    type: word(entry, 0),
    flags: word(entry, isWide ? 4 : 24),
    offset: long(entry, 8, 4),
    address: long(entry, 16, 8),
    length: long(entry, 32, 16),
  }));
}

/** The sections that take room in the file; none where their table is not all there. */
function sectionsOf(fd: number, header: Header): Range[] {
  const { isWide, word, long } = header;
  return entriesOf(fd, header.sections, isWide ? 64 : 40)
    .filter(entry => ![SHT_NULL, SHT_NOBITS].includes(word(entry, 4)))
    .map(entry => ({ offset: long(entry, 24, 16), length: long(entry, 32, 20) }));
}

function entriesOf(fd: number, { offset, length, entrySize }: Table, least: number): Buffer[] {
  if (length === 0 || entrySize < least || offset + length > fstatSync(fd).size) return [];
  const table = Buffer.alloc(length);
  if (readSync(fd, table, 0, length, offset) < length) return [];
  return Array.from({ length: length / entrySize }, (_, n) =>
    table.subarray(n * entrySize, (n + 1) * entrySize),
  );
}

/** The buffer of the last that was read: a new megabyte for each of 30 images costs time. */
let spare: Buffer | undefined;

/**
 * The bytes of these parts, chunk by chunk. The end of a chunk comes again at the start of the next of the same part, so
 * that a string of up to `overlap` bytes is whole in one of them. A chunk is only good until the next is asked for.
 */
export function* chunksOf(
  fd: number,
  ranges: readonly Range[],
  overlap: number,
): Generator<Buffer, void, undefined> {
  const buffer =
    spare !== undefined && spare.length >= CHUNK + overlap ? spare : Buffer.allocUnsafe(CHUNK + overlap);
  spare = undefined;
  try {
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
  } finally {
    spare = buffer; // also where its reader has seen enough
  }
}
