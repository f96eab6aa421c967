/**
 * The files that belong to an installation: what a snapshot is made of. Each is named by its entry path below the
 * prefix and by the real file that is meant, symbolic links followed.
 * Reads directories and looks at files, nothing else: never opens a file, never decides whether an upgrade is under
 * way (temporary names of package managers are listed like any other file: the gate finds them there).
 */

import { isUtf8 } from 'node:buffer';
import { type BigIntStats, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, errnoWords, HoldfastError, quote } from '../../errors.ts';
import { linksOnTheWay, type SymbolicLink } from '../../linux/links.ts';
import { isBelow } from '../../linux/path.ts';
import { byteString, decodeForDisplay } from '../config/byte-string.ts';
import type { Installation } from './installation.ts';

/** Deeper than any installation; what goes deeper is a mistake or an attack. */
const MAX_DEPTH = 1_000;
/** Directories that are linked to again and again multiply without being a cycle. */
const MAX_FILES = 200_000;

/** A file to be taken. */
export interface SourceFile {
  /** below the prefix, as in the manifest */
  readonly path: string;
  /** absolute and real: no component of it is a symbolic link */
  readonly source: string;
  /** of the file itself, not of a link to it */
  readonly stat: BigIntStats;
}

/** A directory that was looked at; a file that came or went since has changed its mtime. */
export interface SourceDirectory {
  /** absolute and real */
  readonly path: string;
  /** taken before the directory was read */
  readonly stat: BigIntStats;
}

/** What an installation consists of, in no particular order; each entry path and each directory once. */
export interface Contents {
  readonly files: readonly SourceFile[];
  readonly directories: readonly SourceDirectory[];
  /** the symbolic links that were followed; one that leads elsewhere since means other files */
  readonly links: readonly SymbolicLink[];
}

/** A directory on its way: `parent` leads back to the tree's top, for cycles. */
interface Visit {
  readonly entry: string;
  readonly real: string;
  readonly parent: Visit | undefined;
  readonly depth: number;
}

/**
 * Every file of the installation. In a build tree these are the executables, without the unit tests in directories
 * named `test`; else all files below the trees. `__pycache__` is never taken: Python writes it by itself.
 * @throws HoldfastError BAD_SOURCE: a link that dangles, goes in circles or leads to a directory outside the prefix;
 * a FIFO, socket or device; a name that is not UTF-8. With errno ENOENT: something vanished while we looked, and
 * looking again may help. UNREADABLE: a directory that we may not read.
 */
export function listContents(installation: Installation): Contents {
  const { prefix, layout } = installation;
  const onlyExecutables = layout === 'build-tree';
  const files = new Map<string, SourceFile>();
  const directories = new Map<string, SourceDirectory>();
  const links = new Map<string, SymbolicLink>();
  const realDirectories = new Set<string>();
  const pending: Visit[] = [];

  function note(path: string): void {
    for (const link of linksOnTheWay(path, realDirectories)) links.set(link.path, link);
  }

  /** Looks at one name. `path` leads to it through real directories only, so that without a link it is real itself. */
  function look(entry: string, path: string, parent: Visit | undefined): void {
    let stat = lookAt(path, path);
    let source = path;
    if (stat.isSymbolicLink()) {
      note(path);
      source = follow(path);
      stat = lookAt(source, path);
      if (stat.isDirectory()) checkDirectoryLink(path, source, prefix, parent);
    }
    if (stat.isDirectory()) {
      visit(entry, source, stat, parent);
    } else if (!stat.isFile()) {
      throw refuse(path, `${kind(stat)} cannot be part of a snapshot`);
    } else if (!onlyExecutables || (stat.mode & 0o111n) !== 0n) {
      files.set(entry, { path: entry, source, stat });
      if (files.size > MAX_FILES) throw refuse(path, `there are more than ${MAX_FILES} files`);
    }
  }

  function visit(entry: string, real: string, stat: BigIntStats, parent: Visit | undefined): void {
    const depth = parent === undefined ? 0 : parent.depth + 1;
    if (depth > MAX_DEPTH) throw refuse(real, `directories are nested deeper than ${MAX_DEPTH}`);
    // The first look at a directory counts: what changes after it shows.
    if (!directories.has(real)) directories.set(real, { path: real, stat });
    pending.push({ entry, real, parent, depth });
  }

  for (const program of installation.programs) {
    const path = below(prefix, program);
    const directory = dirname(path);
    if (!directories.has(directory))
      directories.set(directory, { path: directory, stat: lookAt(directory, directory) });
    note(path);
    look(program, path, undefined);
  }
  for (const tree of installation.trees) {
    note(below(prefix, tree));
    look(tree, below(prefix, tree), undefined);
  }
  for (let visited = pending.pop(); visited !== undefined; visited = pending.pop())
    for (const name of namesIn(visited.real)) {
      if (name === '__pycache__' || (onlyExecutables && name === 'test')) continue;
      look(visited.entry === '' ? name : `${visited.entry}/${name}`, below(visited.real, name), visited);
    }
  return { files: [...files.values()], directories: [...directories.values()], links: [...links.values()] };
}

function below(directory: string, name: string): string {
  return name === '' ? directory : directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** One lstat. `named` is what the operator knows the file by. */
function lookAt(path: string, named: string): BigIntStats {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    throw lookFailed(named, error);
  }
}

function namesIn(directory: string): string[] {
  let names: Buffer[];
  try {
    names = readdirSync(directory, { encoding: 'buffer' });
  } catch (error) {
    throw lookFailed(directory, error);
  }
  return names.map(name => {
    if (isUtf8(name)) return name.toString();
    const shown = `${directory}/${decodeForDisplay(byteString(name))}`;
    throw new HoldfastError('BAD_SOURCE', `the name of '${shown}' is not UTF-8`, {
      path: shown,
      hint: 'rename or remove it: it is no file of Core Lightning',
    });
  });
}

/** The real path of what a symbolic link means. */
function follow(link: string): string {
  try {
    return realpathSync(link);
  } catch (error) {
    switch (errnoOf(error)) {
      case 'ENOENT':
      case 'ENOTDIR':
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
function checkDirectoryLink(link: string, target: string, prefix: string, parent: Visit | undefined): void {
  if (!isBelow(target, prefix))
    throw refuse(link, `the symbolic link leads to a directory outside ${quote(prefix)}: ${quote(target)}`);
  for (let visit = parent; visit !== undefined; visit = visit.parent)
    if (isBelow(visit.real, target))
      throw refuse(link, `the symbolic link leads back to ${quote(target)}, which it is in`, 'ELOOP');
}

function lookFailed(path: string, error: unknown): HoldfastError {
  const errno = errnoOf(error);
  const vanished = errno === 'ENOENT' || errno === 'ENOTDIR';
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

function refuse(path: string, why: string, errno?: string): HoldfastError {
  return new HoldfastError('BAD_SOURCE', `cannot take ${quote(path)}: ${why}`, { path, errno });
}

function kind(stat: BigIntStats): string {
  if (stat.isFIFO()) return 'a FIFO';
  if (stat.isSocket()) return 'a socket';
  return stat.isBlockDevice() || stat.isCharacterDevice() ? 'a device' : 'what is neither file nor directory';
}
