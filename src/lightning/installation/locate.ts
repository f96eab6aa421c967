/**
 * Which file the word LIGHTNINGD means: a path, or a name looked up in PATH as execvp(3) does.
 * Never resolves symbolic links in its answer, and never says that a file is a Core Lightning: installation.ts does.
 */

import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { codedError, errnoOf, errnoWords, HoldfastError, quote } from '../../errors.ts';
import { joinPath } from '../config/byte-string.ts';

/** What glibc searches when PATH is unset: confstr(3) _CS_PATH, since glibc 2.24 without the current directory. */
const DEFAULT_PATH = '/bin:/usr/bin';

/** "Not here, look on": execvpe(3) goes on to the next directory after these. */
const NOT_HERE = new Set(['ENOENT', 'ENOTDIR', 'ESTALE', 'ENODEV', 'ETIMEDOUT']);

/** Of a path: nothing is there. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ESTALE']);

/**
 * The absolute path of the program that `word` means, as found (links in it are not resolved).
 * A word with a slash is a path below `cwd`; any other is looked up in `env.PATH`, where an empty component is
 * `cwd`, and directories and files that may not be executed are passed over. `skip` is asked with a candidate's
 * real path and may pass it over too: holdfast itself, started under the name lightningd.
 * @throws HoldfastError NOT_FOUND; NOT_EXECUTABLE when the only candidates may not be executed.
 */
export function locateLightningd(
  word: string,
  env: { readonly PATH?: string | undefined },
  cwd: string,
  skip: (realPath: string) => boolean = () => false,
): string {
  const paths = candidatePaths(word, env, cwd);
  if (word.includes('/')) return checkPath(paths[0] ?? word, word, skip);
  let refused: { readonly path: string; readonly error: unknown } | undefined;
  let skipped: string | undefined;
  for (const path of paths) {
    const found = lookAt(path);
    if ('real' in found) {
      if (!skip(found.real)) return path;
      skipped = path;
    } else if (errnoOf(found.error) === 'EACCES') {
      if (!isHidden(path)) refused ??= { path, error: found.error };
    } else if (!NOT_HERE.has(errnoOf(found.error) ?? '')) {
      throw executeError(path, found.error);
    }
  }
  if (refused !== undefined) throw executeError(refused.path, refused.error);
  throw notFoundError(word, env.PATH ?? `${DEFAULT_PATH} (PATH is not set)`, skipped);
}

/** The paths that a word may mean, in the order in which they are tried. Looks at nothing. */
export function candidatePaths(
  word: string,
  { PATH = DEFAULT_PATH }: { readonly PATH?: string | undefined },
  cwd: string,
): string[] {
  if (word.includes('/')) return [joinPath(cwd, word)];
  return word === '' ? [] : PATH.split(':').map(directory => joinPath(joinPath(cwd, directory), word));
}

function checkPath(path: string, word: string, skip: (realPath: string) => boolean): string {
  const found = lookAt(path);
  if ('error' in found) {
    const { error } = found;
    const errno = errnoOf(error);
    if (errno === undefined || !GONE.has(errno)) throw executeError(path, error);
    throw new HoldfastError('NOT_FOUND', `there is no ${quote(word)}: ${errnoWords(error)}`, { path, errno });
  }
  if (skip(found.real))
    throw new HoldfastError('NOT_FOUND', `${quote(word)} is holdfast itself, not a lightningd`, {
      path,
      hint: "name Core Lightning's own lightningd",
    });
  return path;
}

/** Is it in a directory that we may not search? Then it is unknown whether it is there, and a shell goes on as well. */
function isHidden(path: string): boolean {
  try {
    statSync(path);
    return false;
  } catch (error) {
    return errnoOf(error) === 'EACCES';
  }
}

/** Where a path leads, or what execve(2) would say of it, as an error of Node's. */
function lookAt(path: string): { readonly real: string } | { readonly error: unknown } {
  try {
    if (!statSync(path).isFile())
      return { error: Object.assign(new Error('EACCES: not a regular file, execve'), { code: 'EACCES' }) };
    accessSync(path, constants.X_OK);
    return { real: realpathSync.native(path) };
  } catch (error) {
    return { error };
  }
}

function executeError(path: string, error: unknown): HoldfastError {
  return codedError('NOT_EXECUTABLE', `cannot execute ${quote(path)}`, path, error);
}

function notFoundError(word: string, searched: string, skipped: string | undefined): HoldfastError {
  const other = skipped === undefined ? '' : ` other than holdfast itself (${quote(skipped)})`;
  return new HoldfastError('NOT_FOUND', `there is no ${quote(word)}${other} in PATH: ${searched}`, {
    path: word,
    errno: 'ENOENT',
    hint: 'name it with its path: holdfast run /path/to/lightningd',
  });
}
