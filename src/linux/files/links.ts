/** The symbolic links that the kernel follows on the way to a path (path_resolution(7)). Only looks. */
import { lstatSync, readlinkSync } from 'node:fs';

/** A symbolic link. */
export interface SymbolicLink {
  /** absolute; no component above the last is a link */
  readonly path: string;
  /** as readlink(2) gives it */
  readonly to: string;
}

/** The kernel follows no more (MAXSYMLINKS). */
const MOST_LINKS = 40;

/**
 * The links on the way to an absolute path and at its end, in the order in which they are followed. Where the way ends,
 * at what is not there or may not be looked at, so does the list.
 * @param real directories that are known to be reached without a link; more are put in
 */
export function linksOnTheWay(path: string, real: Set<string> = new Set()): SymbolicLink[] {
  const links: SymbolicLink[] = [];
  const left = path.split('/').reverse();
  let at = '';
  while (left.length > 0) {
    const name = left.pop();
    if (name === undefined || name === '' || name === '.') continue;
    if (name === '..') {
      at = at.slice(0, Math.max(at.lastIndexOf('/'), 0));
      continue;
    }
    const next = `${at}/${name}`;
    const to = real.has(next) ? undefined : targetOf(next);
    if (to === null || links.length === MOST_LINKS) return links;
    if (to === undefined) {
      at = next;
      if (left.length > 0) real.add(next);
      continue;
    }
    links.push({ path: next, to });
    left.push(...to.split('/').reverse());
    if (to.startsWith('/')) at = '';
  }
  return links;
}

/** Where a link leads; undefined: it is none; null: it cannot be looked at. */
function targetOf(path: string): string | undefined | null {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return null; // who needs the file finds out and says why
  }
}
