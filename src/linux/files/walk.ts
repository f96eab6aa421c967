/**
 * Walks a directory tree below an open directory, in constant space of descriptors and stack: down by name, up by `..`,
 * which must then be the directory that it came from. Never follows a symbolic link, and never enters another mount:
 * what is mounted in a tree is no part of it. Names are bytes, as the disk has them. Only reads.
 */
import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
} from 'node:fs';
import { errnoOf, HoldfastError, quote, systemError, typed } from '../../errors.ts';
import type { Directory } from './directory.ts';

/** What is done with what is found. Both may remove it. */
export interface Visitor {
  /** what is no directory; `path` is for system calls, and good for the moment of the call alone */
  readonly file: (path: Buffer, show: () => string) => void;
  /** a directory, after all that is in it */
  readonly directory?: (path: Buffer, show: () => string) => void;
  /** what could not be entered or listed, or what one of the others has thrown; the walk goes on beside it */
  readonly failed: (error: HoldfastError) => void;
  /** asked before each step down: is the walk to end here? */
  readonly done?: () => boolean;
}

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
const ENTER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK;

/** A directory on the way down. */
interface Level {
  readonly name: Buffer;
  readonly dev: bigint;
  readonly ino: bigint;
  /** directories in it that are still to be entered */
  readonly below: Buffer[];
}

/**
 * Walks `name` in `parent`, be it a directory or not; one that is not there is none, and no failure.
 * @param shownAs its name in messages
 */
export function walk(parent: Directory, name: string, visitor: Visitor, shownAs = name): void {
  new Walk(parent, visitor, { name: Buffer.from(name), shownAs }).start();
}

class Walk {
  readonly #parent: Directory;
  readonly #visitor: Visitor;
  readonly #mount: string;
  readonly #top: { readonly name: Buffer; readonly shownAs: string };
  readonly #levels: Level[] = [];
  /** of the directory that the walk is in; the parent's own is not ours to close */
  #fd: number;

  constructor(parent: Directory, visitor: Visitor, top: { readonly name: Buffer; readonly shownAs: string }) {
    this.#parent = parent;
    this.#visitor = visitor;
    this.#top = top;
    this.#fd = parent.fd;
    this.#mount = mountOf(parent.fd);
  }

  start(): void {
    const { name } = this.#top;
    const isDirectory = this.#attempt(name, 'look at', path => lstatSync(path).isDirectory());
    if (isDirectory === undefined) return;
    try {
      if (isDirectory) this.#down(name);
      else this.#call(name, this.#visitor.file);
      while (this.#levels.length > 0 && this.#visitor.done?.() !== true) {
        const next = this.#levels.at(-1)?.below.pop();
        if (next !== undefined) this.#down(next);
        else if (!this.#up()) return;
      }
    } finally {
      this.#enterInstead(this.#parent.fd);
    }
  }

  #down(name: Buffer): void {
    const fd = this.#attempt(name, 'enter', path => openSync(path, ENTER));
    if (fd === undefined) return;
    let entries: Dirent<Buffer>[];
    let level: Level;
    try {
      if (mountOf(fd) !== this.#mount) throw mounted(this.#show(name));
      const { dev, ino } = fstatSync(fd, { bigint: true });
      entries = readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer', withFileTypes: true });
      const below = entries.filter(entry => entry.isDirectory()).map(entry => entry.name);
      level = { name, dev, ino, below };
    } catch (error) {
      closeSync(fd);
      if (errnoOf(error) !== 'ENOENT') this.#fail('list', name, error); // else removed meanwhile
      return;
    }
    this.#enterInstead(fd);
    this.#levels.push(level);
    for (const entry of entries) if (!entry.isDirectory()) this.#call(entry.name, this.#visitor.file);
  }

  /** @returns whether the directory above is still the one that we came from */
  #up(): boolean {
    const left = this.#levels.pop();
    if (left === undefined) return false;
    const above = this.#levels.at(-1);
    if (above === undefined) this.#enterInstead(this.#parent.fd);
    else {
      const fd = this.#attempt(Buffer.from('..'), 'go back up from', path => openSync(path, ENTER));
      if (fd === undefined) return false;
      this.#enterInstead(fd);
      const { dev, ino } = fstatSync(fd, { bigint: true });
      if (dev !== above.dev || ino !== above.ino) {
        const path = this.#show(left.name);
        this.#visitor.failed(new HoldfastError('SYSTEM', `${quote(path)} was moved meanwhile`, { path }));
        return false;
      }
    }
    const { directory } = this.#visitor;
    if (directory !== undefined) this.#call(left.name, directory);
    return true;
  }

  #call(name: Buffer, visit: Visitor['file']): void {
    try {
      visit(this.#at(name), () => this.#show(name));
    } catch (error) {
      this.#fail('work on', name, error);
    }
  }

  #attempt<T>(name: Buffer, what: string, call: (path: Buffer) => T): T | undefined {
    try {
      return call(this.#at(name));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined; // removed since its name was read
      this.#fail(what, name, error);
      return undefined;
    }
  }

  #fail(what: string, name: Buffer, error: unknown): void {
    this.#visitor.failed(systemError(what, this.#show(name), error));
  }

  #enterInstead(fd: number): void {
    if (this.#fd !== this.#parent.fd && this.#fd !== fd) closeSync(this.#fd);
    this.#fd = fd;
  }

  #at(name: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`/proc/self/fd/${this.#fd}/`), name]);
  }

  /** The path as an operator would type it; the middle of a very deep one is left out. */
  #show(name: Buffer): string {
    const deep = this.#levels.length > MOST_SHOWN;
    const shown = (each: Buffer) => (each === this.#top.name ? this.#top.shownAs : `${each}`);
    const names = this.#levels.slice(0, MOST_SHOWN).map(level => shown(level.name));
    return [this.#parent.path, ...names, ...(deep ? ['…'] : []), shown(name)].join('/');
  }
}

/** How many directories of a path a message shows. */
const MOST_SHOWN = 20;

/** Which mount an open file is in: two of one file system differ, too (proc_pid_fdinfo(5)). */
function mountOf(fd: number): string {
  return /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '';
}

function mounted(path: string): HoldfastError {
  return new HoldfastError('SYSTEM', `${quote(path)} is a mount point: something else is mounted there`, {
    path,
    hint: `umount ${typed(path)}`,
  });
}
