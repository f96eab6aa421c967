/** Looks at single names of an installation: each failure is an error that names what it is about. Only looks. */
import { isUtf8 } from 'node:buffer';
import { type BigIntStats, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { errnoOf, errnoWords, HoldfastError, quote } from '../../errors.ts';
import { isBelow } from '../../linux/files/path.ts';
import { byteString, decodeForDisplay } from '../config/byte-string.ts';

/** The directories that led to a name: `parent` leads back to the tree's top. */
export interface Way {
  readonly real: string;
  readonly parent: Way | undefined;
}

/** One lstat. `named` is what the operator knows the file by. */
export function lookAt(path: string, named: string): BigIntStats {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    throw lookFailed(named, error);
  }
}

export function namesIn(directory: string): Buffer[] {
  try {
    return readdirSync(directory, { encoding: 'buffer' });
  } catch (error) {
    throw lookFailed(directory, error);
  }
}

export function decode(name: Buffer, directory: string): string {
  if (isUtf8(name)) return name.toString();
  const shown = `${directory}/${decodeForDisplay(byteString(name))}`;
  throw new HoldfastError('BAD_SOURCE', `the name of '${shown}' is not UTF-8`, {
    path: shown,
    hint: 'rename or remove it: it is no file of Core Lightning',
  });
}

/** The real path of what a symbolic link means. */
export function follow(link: string): string {
  try {
    return realpathSync(link);
  } catch (error) {
    switch (errnoOf(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
      case 'ESTALE':
        // No errno among the facts: the link is there and dangles, looking again does not help.
        if (lookAt(link, link).isSymbolicLink()) throw refuse(link, 'the symbolic link leads to nothing');
        throw lookFailed(link, error);
      case 'ELOOP':
        throw refuse(link, 'the symbolic link goes in circles', 'ELOOP');
      default:
        throw lookFailed(link, error);
    }
  }
}

/** A link to a directory must stay below the prefix and must not lead to a directory that it is in itself. */
export function checkDirectoryLink(
  link: string,
  target: string,
  prefix: string,
  parent: Way | undefined,
): void {
  if (!isBelow(target, prefix))
    throw refuse(link, `the symbolic link leads to a directory outside ${quote(prefix)}: ${quote(target)}`);
  for (let way = parent; way !== undefined; way = way.parent)
    if (isBelow(way.real, target))
      throw refuse(link, `the symbolic link leads back to ${quote(target)}, which it is in`, 'ELOOP');
}

function lookFailed(path: string, error: unknown): HoldfastError {
  const errno = errnoOf(error);
  const vanished = errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ESTALE';
  const { syscall } = error as NodeJS.ErrnoException;
  const what = vanished
    ? `${quote(path)} vanished while it was looked at`
    : `cannot look at ${quote(path)}: ${errnoWords(error)}`;
  return new HoldfastError(vanished ? 'BAD_SOURCE' : 'UNREADABLE', what, {
    path,
    syscall,
    errno: vanished ? 'ENOENT' : errno,
    cause: error,
  });
}

export function refuse(path: string, why: string, errno?: string): HoldfastError {
  return new HoldfastError('BAD_SOURCE', `cannot take ${quote(path)}: ${why}`, { path, errno });
}

export function kind(stat: BigIntStats): string {
  if (stat.isFIFO()) return 'a FIFO';
  if (stat.isSocket()) return 'a socket';
  return stat.isBlockDevice() || stat.isCharacterDevice() ? 'a device' : 'what is neither file nor directory';
}
