/**
 * What a program or library asks of the dynamic loader: the strings of its dynamic section (elf(5), ld.so(8)). Reads a
 * few kilobytes, never executes anything. An image that is damaged asks for nothing: whoever loads it will say so.
 */
import { readSync } from 'node:fs';
import { readSegments, type Segment, type Segments } from '../elf.ts';

/** What the loader is asked for. */
export interface Dynamic {
  /** the loader itself; undefined for a library, a static program, or what is no ELF */
  readonly interpreter: string | undefined;
  /** DT_NEEDED: names, or paths where they have a slash */
  readonly needed: readonly string[];
  /** DT_RPATH, directories searched before LD_LIBRARY_PATH; empty where DT_RUNPATH is there, which takes its place */
  readonly rpath: readonly string[];
  /** DT_RUNPATH, directories searched after it */
  readonly runpath: readonly string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_STRSZ = 10;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

/** More than this is no section that a linker made. */
const MAX_BYTES = 8 << 20;

const NOTHING = { needed: [], rpath: [], runpath: [] };

/** Reads it. @param fd open for reading; its position stays */
export function readDynamic(fd: number): Dynamic {
  const image = readSegments(fd);
  const dynamic = image?.segments.find(({ type }) => type === PT_DYNAMIC);
  if (image === undefined || dynamic === undefined) return { interpreter: undefined, ...NOTHING };
  const named = image.segments.find(({ type }) => type === PT_INTERP);
  const interpreter = named === undefined ? undefined : textOf(fd, named);
  const entries = entriesOf(fd, dynamic, image);
  const strings = stringsOf(fd, entries, image);
  if (strings === undefined) return { interpreter, ...NOTHING };
  const all = (wanted: number) =>
    entries.filter(([tag]) => tag === wanted).map(([, at]) => stringAt(strings, at));
  const directories = (wanted: number) => all(wanted).flatMap(list => list.split(':').filter(Boolean));
  const runpath = directories(DT_RUNPATH);
  return {
    interpreter,
    needed: all(DT_NEEDED),
    rpath: runpath.length > 0 ? [] : directories(DT_RPATH),
    runpath,
  };
}

type Entry = readonly [tag: number, value: number];

function entriesOf(fd: number, { offset, length }: Segment, { isWide, long }: Segments): Entry[] {
  const section = read(fd, offset, length);
  if (section === undefined) return [];
  const width = isWide ? 8 : 4;
  const word = (at: number) => long(section, at, at);
  const entries: Entry[] = [];
  for (let at = 0; at + 2 * width <= section.length; at += 2 * width) {
    const tag = word(at);
    if (tag === DT_NULL) break;
    entries.push([tag, word(at + width)]);
  }
  return entries;
}

function stringsOf(fd: number, entries: readonly Entry[], { segments }: Segments): Buffer | undefined {
  const firstOf = (wanted: number) => entries.find(([tag]) => tag === wanted)?.[1];
  const address = firstOf(DT_STRTAB);
  const length = firstOf(DT_STRSZ);
  if (address === undefined || length === undefined) return undefined;
  const load = segments.find(
    segment =>
      segment.type === PT_LOAD && segment.address <= address && address < segment.address + segment.length,
  );
  return load === undefined ? undefined : read(fd, load.offset + address - load.address, length);
}

function textOf(fd: number, { offset, length }: Segment): string | undefined {
  const bytes = read(fd, offset, length);
  return bytes === undefined ? undefined : stringAt(bytes, 0);
}

function stringAt(strings: Buffer, at: number): string {
  const end = strings.indexOf(0, at);
  return strings.toString('utf8', at, end === -1 ? strings.length : end);
}

/** Undefined where the file does not have all of it. */
function read(fd: number, offset: number, length: number): Buffer | undefined {
  if (length > MAX_BYTES || offset > Number.MAX_SAFE_INTEGER) return undefined;
  const bytes = Buffer.alloc(length);
  return readSync(fd, bytes, 0, length, offset) === length ? bytes : undefined;
}
