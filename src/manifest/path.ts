/** The paths of entries: relative, slash-separated, UTF-8, ordered by their bytes. Pure. */
import { utf8ToBytes } from '@noble/hashes/utils.js';

/** PATH_MAX (linux/limits.h) counts a final NUL: no system call takes a longer path. Bounds what errors quote, too. */
export const MAX_PATH_BYTES = 4095;

/** Why this cannot be the path of an entry; undefined where it can. */
export function checkEntryPath(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (utf8ToBytes(path).length > MAX_PATH_BYTES) return `is longer than ${MAX_PATH_BYTES} bytes`;
  if (path.startsWith('/')) return 'is absolute';
  if (path.includes('\0')) return 'has a NUL';
  if (!path.isWellFormed()) return 'is not UTF-8';
  // not split: a manifest of deep paths would be as many strings as it has letters
  const component = /(?:^|\/)(\.{0,2})(?:\/|$)/.exec(path)?.[1];
  if (component === undefined) return undefined;
  return component === '' ? 'has an empty component' : `has the component '${component}'`;
}

/**
 * The order of entries: memcmp(3) of the UTF-8 bytes. JavaScript's own order, by UTF-16 units, differs where surrogates,
 * which stand for what lies beyond U+FFFF, meet units above them.
 */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const [left, right] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (left !== right) return inOrderOfBytes(left) - inOrderOfBytes(right);
  }
  return a.length - b.length;
}

/** Moves the surrogates, U+D800 to U+DFFF, behind all other units. */
function inOrderOfBytes(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Sorted by their paths. JavaScript's own comparison, thirty times as quick without a JIT, serves where no unit is high. */
export function sortByPath<T extends { readonly path: string }>(items: readonly T[]): T[] {
  if (items.some(({ path }) => HIGH.test(path)))
    return [...items].sort((a, b) => comparePaths(a.path, b.path));
  return [...items].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

const HIGH = /[\ud800-\uffff]/;
