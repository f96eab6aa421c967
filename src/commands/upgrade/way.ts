/**
 * What the kernel passes on its way to a path: directories and links. Whoever renames one of the directories, or
 * switches one of the links, puts something else at the path. Only looks.
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { errnoOf } from '../../errors.ts';

/** The way to a path. */
export interface Way {
  /** the directories on it, links resolved, `/` first */
  readonly directories: readonly string[];
  /** does it end at a directory? That is then the last one */
  readonly isDirectory: boolean;
  /** names on it that decide where it leads: links, and one that is not there */
  readonly names: readonly { readonly directory: string; readonly name: string }[];
  /** why it could not be followed to its end; ENOENT is none: then the name that is missing is in `names` */
  readonly error: Error | undefined;
}

/** path_resolution(7) */
const MOST_LINKS = 40;

/** Follows an absolute path as the kernel does. Never throws. */
export function wayTo(path: string): Way {
  const directories = ['/'];
  const names: { directory: string; name: string }[] = [];
  const rest = path.split('/').filter(Boolean);
  let at = '';
  let links = 0;
  let isDirectory = true;
  try {
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      if (name === '.') continue;
      if (name === '..') {
        at = at.slice(0, Math.max(at.lastIndexOf('/'), 0));
        isDirectory = true;
        continue;
      }
      const stat = lstatSync(`${at}/${name}`, { throwIfNoEntry: false });
      isDirectory = stat?.isDirectory() === true;
      if (stat === undefined || stat.isSymbolicLink()) names.push({ directory: at || '/', name });
      if (stat === undefined || (stat.isSymbolicLink() && ++links > MOST_LINKS)) break;
      if (stat.isSymbolicLink()) {
        const target = readlinkSync(`${at}/${name}`);
        if (target.startsWith('/')) at = '';
        rest.unshift(...target.split('/').filter(Boolean));
      } else if (stat.isDirectory()) {
        at = `${at}/${name}`;
        directories.push(at);
      }
    }
    return { directories, names, isDirectory, error: undefined };
  } catch (error) {
    // ENOTDIR: a file where a directory was; what made it one will be seen in its directory
    return {
      directories,
      names,
      isDirectory: false,
      error: errnoOf(error) === 'ENOTDIR' ? undefined : (error as Error),
    };
  }
}
