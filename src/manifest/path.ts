/** The paths of entries: relative, slash-separated, UTF-8, ordered by their bytes. Pure. */

/** PATH_MAX (linux/limits.h) counts a final NUL: no system call takes a longer path. Bounds what errors quote, too. */
export const MAX_PATH_BYTES = 4095;

/** Why this cannot be the path of an entry; undefined where it can. */
export function checkEntryPath(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `is longer than ${MAX_PATH_BYTES} bytes`;
  if (path.startsWith('/')) return 'is absolute';
  if (path.includes('\0')) return 'has a NUL';
  if (!path.isWellFormed()) return 'is not UTF-8';
  // not split: a manifest of deep paths would be as many strings as it has letters
  const component = /(?:^|\/)(\.{0,2})(?:\/|$)/.exec(path)?.[1];
  if (component === undefined) return undefined;
  return component === '' ? 'has an empty component' : `has the component '${component}'`;
}

/** The order of entries: memcmp(3) of the UTF-8 bytes. JavaScript's own order, by UTF-16 units, differs beyond U+FFFF. */
export function comparePaths(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
