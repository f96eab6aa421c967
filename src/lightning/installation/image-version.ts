/**
 * What the image of a program that does not answer says of its version. Each C program of Core Lightning holds its own
 * version as a C string, with a NUL on both sides, among its constants; plugins also hold the plain names of other
 * releases, past and future: the bounds of their deprecations. Never executes anything.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { systemError } from '../../errors.ts';
import { chunksOf, type Elf, readElf } from '../../linux/elf.ts';

/** What an image says. */
export interface ImageVersion {
  /** the reference, where it is there; else what gives the image away */
  readonly says: string | undefined;
  /** `unknown`: nothing that could tell */
  readonly agrees: 'yes' | 'no' | 'unknown';
  /** how it was found, for the table */
  readonly how: string;
}

/** Longer is no version. */
const LONGEST = 80;

/** What follows `v`: a release, a release candidate, a commit after a release, with what builders append. */
const VERSION = /^v\d\d\.\d\d[0-9A-Za-z.+~_-]*$/;
const PLAIN = /^v\d\d\.\d\d$/;

/** The releases that plugins of v24.11.2, v25.12.1, v26.06.6 and the tree after v26.06 hold as bounds (measured). */
export const KNOWN_BOUNDS: readonly string[] = [
  ...['v23.02', 'v23.08', 'v24.02', 'v24.08', 'v25.02', 'v25.05', 'v25.09'],
  ...['v26.06', 'v26.09', 'v27.03', 'v27.06'],
];

/** The bounds of releases after this one are not known. */
export const NEWEST_MEASURED = 'v26.06';

/**
 * Compares an image with the reference, lightningd's own version.
 * @returns undefined for what is no program: a script, a shared library, an object file
 * @throws HoldfastError `SYSTEM` where it cannot be read
 */
export function imageVersion(path: string, reference: string): ImageVersion | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // followed: a pinned program is a symbolic link
    const elf = readElf(fd);
    if (elf === undefined || !elf.isLoadable || /\.so(\.|$)/.test(path)) return undefined;
    return judge(stringsOf(fd, elf, reference), reference);
  } catch (error) {
    throw systemError('read', path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

interface Strings {
  readonly versions: ReadonlySet<string>;
  /** is the reference the end of a longer string? A linker stores it so where there is one */
  readonly asTail: boolean;
}

function judge({ versions, asTail }: Strings, reference: string): ImageVersion {
  const others = [...versions].filter(version => version !== reference).sort();
  const own = others.filter(version => !PLAIN.test(version));
  if (versions.has(reference)) {
    if (!PLAIN.test(reference)) return { says: reference, agrees: 'yes', how: 'in its image' };
    if (own.length === 0 && !mayBeBound(reference, others)) {
      return { says: reference, agrees: 'yes', how: 'in its image' };
    }
  }
  // with a point release or a suffix it is no bound, but the image's own
  const [first] = own;
  if (first !== undefined) return { says: first, agrees: 'no', how: 'in its image: its own' };
  if (versions.has(reference)) {
    return {
      says: reference,
      agrees: 'unknown',
      how: `in its image: its own, or a bound beside ${others.join(', ')}`,
    };
  }
  if (asTail) return { says: reference, agrees: 'unknown', how: 'in its image: the end of another string' };
  if (others.length === 0) return { says: undefined, agrees: 'unknown', how: 'no version in its image' };
  return {
    says: others.join(', '),
    agrees: 'no',
    how: `in its image, without ${reference}: its own, or bounds`,
  };
}

/** Can a plain reference stand in an image of another release? One that stands alone is its own: each has one. */
function mayBeBound(reference: string, others: readonly string[]): boolean {
  return others.length > 0 && (KNOWN_BOUNDS.includes(reference) || reference > NEWEST_MEASURED);
}

function stringsOf(fd: number, elf: Elf, reference: string): Strings {
  const versions = new Set<string>();
  let asTail = false;
  const takes = (chunk: Buffer, at: number): void => {
    const text = at === 0 ? undefined : stringAt(chunk, at); // at 0 is the end of the chunk before, where it was seen
    if (text === undefined) return;
    if (chunk[at - 1] === 0) {
      if (text === reference || VERSION.test(text)) versions.add(text);
    } else if (text === reference) asTail = true;
  };
  // releases of the twenties of this century, and the reference
  const needles = [Buffer.from('v2'), ...(reference.startsWith('v2') ? [] : [Buffer.from(`${reference}\0`)])];
  for (const chunk of chunksOf(fd, elf.constants, LONGEST + 2)) {
    for (const needle of needles) {
      for (let at = chunk.indexOf(needle); at !== -1; at = chunk.indexOf(needle, at + 1)) takes(chunk, at);
    }
    // it is no bound, so nothing that comes after it tells more: half of an image need not be read (measured)
    if (versions.has(reference) && !PLAIN.test(reference)) break;
  }
  return { versions, asTail };
}

function stringAt(chunk: Buffer, at: number): string | undefined {
  const end = chunk.indexOf(0, at);
  return end === -1 || end - at > LONGEST ? undefined : chunk.toString('latin1', at, end);
}
