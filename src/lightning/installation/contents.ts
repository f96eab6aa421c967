/**
 * The files that belong to an installation: what a snapshot is made of. Each is named by its entry path below the
 * prefix and by the real file that is meant, symbolic links followed.
 * Reads directories and looks at files, nothing else: never opens a file, never decides whether an upgrade is under
 * way (temporary names of package managers are no files of it, and listed apart: the gate looks at them).
 */

import { type BigIntStats, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import { linksOnTheWay, type SymbolicLink } from '../../linux/files/links.ts';
import type { Installation } from './installation.ts';
import { checkDirectoryLink, decode, follow, kind, lookAt, namesIn, refuse, type Way } from './look.ts';
import { standsFor } from './temporary-names.ts';

/** Deeper than any installation; what goes deeper is a mistake or an attack. */
const MAX_DEPTH = 1_000;
/** Directories that are linked to again and again multiply without being a cycle. */
const MAX_FILES = 200_000;

/** In a build tree: unit tests, and what a compiler reads or leaves. On some file systems everything is executable. */
const NOT_BUILT = /^test$|\.(?:[acdho]|csv|md)$/;

/** What gives away the data of a node, or a store, also another node's: it belongs into no snapshot. */
const NODE_DATA: readonly (readonly string[])[] = [
  ['hsm_secret'],
  ['lightningd.sqlite3'],
  ['.lock', 'current'],
];

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

/** A package manager's temporary name in one of the trees. */
export interface TemporaryFile {
  /** absolute */
  readonly path: string;
  readonly stat: BigIntStats;
}

/** What an installation consists of, in no particular order; each entry path and each directory once. */
export interface Contents {
  readonly files: readonly SourceFile[];
  readonly directories: readonly SourceDirectory[];
  /** the symbolic links that were followed; one that leads elsewhere since means other files */
  readonly links: readonly SymbolicLink[];
  readonly temporaries: readonly TemporaryFile[];
  /** directories in which a node or its store lies: what is made there changes them, and is no upgrade */
  readonly shared: readonly string[];
  /** why something in a plugin directory was left out: one line each, as lightningd runs without it */
  readonly leftOut: readonly string[];
}

/** A directory to be looked into. */
interface Visit extends Way {
  readonly entry: string;
  readonly parent: Visit | undefined;
  readonly depth: number;
}

/**
 * Every file of the installation. In a build tree these are the executables, without the unit tests in directories
 * named `test`; else all files below the trees. `__pycache__` is never taken: Python writes it by itself. What cannot be
 * taken from a plugin directory is left out: it is an operator's own, and lightningd starts without it.
 * @param apart directories that are no part of it wherever they lie: the store, the node's data
 * @throws HoldfastError BAD_SOURCE: a link that dangles, goes in circles or leads to a directory outside the prefix;
 * a FIFO, socket or device; a name that is not UTF-8. With errno ENOENT: something vanished while we looked, and
 * looking again may help. UNREADABLE: a directory that we may not read.
 */
export function listContents(installation: Installation, apart: readonly string[] = []): Contents {
  const walk = new Walk(installation, apart);
  walk.programs();
  walk.trees();
  const { files, directories, links, temporaries, shared, leftOut } = walk;
  return {
    files: [...files.values()],
    directories: [...directories.values()],
    links: [...links.values()],
    temporaries,
    shared,
    leftOut,
  };
}

/** One look at all of an installation. */
class Walk {
  readonly files = new Map<string, SourceFile>();
  readonly directories = new Map<string, SourceDirectory>();
  readonly links = new Map<string, SymbolicLink>();
  readonly temporaries: TemporaryFile[] = [];
  readonly leftOut: string[] = [];
  readonly shared: readonly string[];
  readonly #installation: Installation;
  readonly #apart: readonly string[];
  readonly #onlyExecutables: boolean;
  readonly #realDirectories = new Set<string>();
  readonly #pending: Visit[] = [];

  constructor(installation: Installation, apart: readonly string[]) {
    this.#installation = installation;
    this.#apart = apart.flatMap(path => realPath(path) ?? []);
    this.shared = this.#apart.flatMap(path => [path, dirname(path)]);
    this.#onlyExecutables = installation.layout === 'build-tree';
  }

  programs(): void {
    const { prefix, programs } = this.#installation;
    for (const program of programs) {
      const path = below(prefix, program);
      const directory = dirname(path);
      if (!this.directories.has(directory))
        this.directories.set(directory, { path: directory, stat: lookAt(directory, directory) });
      this.#note(path);
      this.#look(program, path, undefined);
    }
  }

  trees(): void {
    const { prefix, trees } = this.#installation;
    for (const tree of trees) {
      this.#note(below(prefix, tree));
      this.#look(tree, below(prefix, tree), undefined);
    }
    for (let visited = this.#pending.pop(); visited !== undefined; visited = this.#pending.pop())
      this.#lookInto(visited);
  }

  #note(path: string): void {
    for (const link of linksOnTheWay(path, this.#realDirectories)) this.links.set(link.path, link);
  }

  #lookInto(visited: Visit): void {
    const names = this.#orLeaveOut(`${visited.entry}/`, () => namesIn(visited.real)) ?? [];
    const beside = new Set(names.map(name => name.toString()));
    if (
      visited.parent !== undefined &&
      NODE_DATA.some(together => together.every(name => beside.has(name)))
    ) {
      this.directories.delete(visited.real);
      return;
    }
    for (const bytes of names) {
      const entry = visited.entry === '' ? bytes.toString() : `${visited.entry}/${bytes}`;
      this.#orLeaveOut(entry, () => {
        const name = decode(bytes, visited.real);
        const path = below(visited.real, name);
        if (name === '__pycache__' || (this.#onlyExecutables && NOT_BUILT.test(name))) return;
        if (standsFor(name, beside) !== undefined) this.temporaries.push({ path, stat: lookAt(path, path) });
        else this.#look(entry, path, visited);
      });
    }
  }

  /** Looks at one name. `path` leads to it through real directories only, so that without a link it is real itself. */
  #look(entry: string, path: string, parent: Visit | undefined): void {
    let stat = lookAt(path, path);
    let source = path;
    if (stat.isSymbolicLink()) {
      this.#note(path);
      source = follow(path);
      stat = lookAt(source, path);
      if (stat.isDirectory()) checkDirectoryLink(path, source, this.#installation.prefix, parent);
    }
    if (stat.isDirectory()) {
      this.#visit(entry, source, stat, parent);
    } else if (this.#onlyExecutables && (!stat.isFile() || (stat.mode & 0o111n) === 0n)) {
      // a source file, or what a node has made beside its program
    } else if (!stat.isFile()) {
      throw refuse(path, `${kind(stat)} cannot be part of a snapshot`);
    } else {
      this.files.set(entry, { path: entry, source, stat });
      if (this.files.size > MAX_FILES) throw refuse(path, `there are more than ${MAX_FILES} files`, 'EFBIG');
    }
  }

  #visit(entry: string, real: string, stat: BigIntStats, parent: Visit | undefined): void {
    if (this.#apart.includes(real) && parent !== undefined) return;
    // in a build tree plugins may have directories; beside lightningd are only its sources, and data of nodes
    const inTree = parent !== undefined && parent.parent === undefined;
    if (this.#onlyExecutables && inTree && parent.entry === dirname(this.#installation.lightningd)) return;
    const depth = parent === undefined ? 0 : parent.depth + 1;
    if (depth > MAX_DEPTH) throw refuse(real, `directories are nested deeper than ${MAX_DEPTH}`, 'EFBIG');
    // The first look at a directory counts: what changes after it shows.
    if (!this.directories.has(real)) this.directories.set(real, { path: real, stat });
    this.#pending.push({ entry, real, parent, depth });
  }

  /** In a plugin directory what cannot be taken is left out; elsewhere, and where it is gone just now, this throws. */
  #orLeaveOut<T>(entry: string, look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      if (!(error instanceof HoldfastError) || !this.#isPlugin(entry)) throw error;
      if (error.errno === 'ENOENT' || error.errno === 'EFBIG') throw error;
      this.leftOut.push(`${error.message}; it is not in the snapshot`);
      return undefined;
    }
  }

  #isPlugin(entry: string): boolean {
    const [, ...others] = this.#installation.trees;
    return /(^|\/)plugins\//.test(entry) || others.some(tree => entry.startsWith(`${tree}/`));
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined; // not there, or not to be looked at: then nothing is in it that could be listed
  }
}

function below(directory: string, name: string): string {
  return name === '' ? directory : directory === '/' ? `/${name}` : `${directory}/${name}`;
}
