/**
 * A directory held open, its entries reached by name below the open descriptor: `/proc/self/fd/N/<name>`, which the
 * kernel resolves like openat(2) (proc_pid_fd(5)). Whatever happens to the path meanwhile, renamed or replaced by a
 * symbolic link, we keep working in the directory that we entered. Needs /proc.
 */
import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
} from 'node:fs';
import { systemError } from '../../errors.ts';
import { type LockKind, tryLock } from './flock.ts';

/** open(2); Node has no name for it. The same on every architecture that Node runs on. */
export const O_PATH = 0o10000000;

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** An open directory. Node opens with O_CLOEXEC: nothing of this reaches a program that we start. */
export class Directory {
  readonly fd: number;
  /** The path it was entered by: for messages only. */
  readonly path: string;

  private constructor(fd: number, path: string) {
    this.fd = fd;
    this.path = path;
  }

  /**
   * Enters a directory; the last component must not be a symbolic link.
   * @throws HoldfastError `SYSTEM`: ENOENT, ENOTDIR (also for a symbolic link), EACCES
   */
  static open(path: string, shownAs: string = path): Directory {
    try {
      return new Directory(openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK), shownAs);
    } catch (error) {
      throw systemError('enter', shownAs, error);
    }
  }

  /** The path by which system calls reach an entry (or, without a name, the directory itself). */
  at(name?: string): string {
    return name === undefined ? `/proc/self/fd/${this.fd}` : `/proc/self/fd/${this.fd}/${name}`;
  }

  /** The path of an entry as an operator would type it. */
  show(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Enters a directory below this one; `name` must not be a symbolic link. @throws HoldfastError `SYSTEM` */
  enter(name: string): Directory {
    return Directory.open(this.at(name), this.show(name));
  }

  /** Claims a new directory by exclusive mkdir, mode 0755 whatever the umask. @throws HoldfastError `SYSTEM` */
  make(name: string): void {
    this.attempt('make the directory', name, path => {
      mkdirSync(path, 0o755);
      chmodSync(path, 0o755);
    });
  }

  /** The names in it, in no order. @throws HoldfastError `SYSTEM` */
  names(): string[] {
    try {
      return readdirSync(this.at());
    } catch (error) {
      throw systemError('list', this.path, error);
    }
  }

  /** What an entry is, links not followed; undefined when there is none. @throws HoldfastError `SYSTEM` */
  lstat(name: string): BigIntStats | undefined {
    return this.attempt('look at', name, path => lstatSync(path, { bigint: true, throwIfNoEntry: false }));
  }

  /** What the directory itself is. @throws HoldfastError `SYSTEM` */
  stat(): BigIntStats {
    try {
      return fstatSync(this.fd, { bigint: true });
    } catch (error) {
      throw systemError('look at', this.path, error);
    }
  }

  /** Takes a lock on the directory if nobody holds one that conflicts. @throws HoldfastError `SYSTEM` */
  tryLock(kind: LockKind): boolean {
    try {
      return tryLock(this.fd, kind);
    } catch (error) {
      throw systemError('lock', this.path, error);
    }
  }

  /** Runs a system call on an entry; a failure is worded with the path that the operator knows. */
  attempt<T>(what: string, name: string, call: (path: string) => T): T {
    try {
      return call(this.at(name));
    } catch (error) {
      throw systemError(what, this.show(name), error);
    }
  }

  /** The same open directory after a rename: its new path for messages. */
  movedTo(path: string): Directory {
    return new Directory(this.fd, path);
  }

  close(): void {
    closeSync(this.fd);
  }
}
