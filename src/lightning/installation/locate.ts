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
  let refused: { readonly path: string; readonly error: NodeJS.ErrnoException } | undefined;
  let skipped: string | undefined;
  for (const path of paths) {
    const error = whyNot(path);
    if (error === undefined) {
      if (!skip(realpathSync.native(path))) return path;
      skipped = path;
    } else if (error.code === 'EACCES') {
      if (!isHidden(path)) refused ??= { path, error };
    } else if (!NOT_HERE.has(error.code ?? '')) {
      throw executeError(path, error);
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
  const error = whyNot(path);
  if (error !== undefined) {
    const { code: errno } = error;
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw executeError(path, error);
    throw new HoldfastError('NOT_FOUND', `there is no ${quote(word)}: ${errnoWords(error)}`, { path, errno });
  }
  if (skip(realpathSync.native(path)))
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

/** What execve(2) would say of this path, as an error of Node's; undefined when it may be executed. */
function whyNot(path: string): NodeJS.ErrnoException | undefined {
  try {
    if (!statSync(path).isFile())
      return Object.assign(new Error('EACCES: not a regular file, execve'), { code: 'EACCES' });
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error) {
    return error as NodeJS.ErrnoException;
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
