/**
 * Pins programs of the installation instead of placing them: the launcher opens each, and the snapshot has a symbolic
 * link `/proc/<its PID>/fd/N` in the file's place. The PID stays at the exec, so the links lead to the very inodes for
 * as long as lightningd lives, whatever becomes of their names. Nothing is linked or copied, across file systems too.
 * Never pins lightningd itself: it resolves the links in its own name, and would find itself in the installation.
 *
 * Pinned are executable ELF images, and held libraries. A script is placed as a file, and data are: an interpreter follows the link and
 * looks for what belongs to the script beside what it finds (Python: sys.path[0] would be `/proc/<PID>/fd`).
 *
 * The descriptors are O_PATH (open(2)): enough to execute and to open anew, and no hindrance to whoever writes.
 */
import { closeSync, constants, openSync, statSync, symlinkSync } from 'node:fs';
import { errnoOf, HoldfastError, quote, systemError } from '../../errors.ts';
import { isElf } from '../../linux/elf.ts';
import { type Directory, O_PATH } from '../../linux/files/directory.ts';
import { hasCapabilities } from '../../linux/files/xattr.ts';
import { duplicate } from '../../linux/process/state.ts';
import { isHeldLibrary } from '../store/layout.ts';
import { whyUnsafe } from './linkable.ts';
import { openSource, type Placed, type PlaceRequest } from './place.ts';

/** Who pins, and which descriptors he may take. */
export interface Pinning {
  /** the process that becomes lightningd, as this /proc numbers it */
  readonly pid: number;
  /** its start, in clock ticks after boot: with the PID its identity (proc_pid_stat(5)) */
  readonly startTicks: bigint;
  /** the least descriptor to take */
  readonly least: number;
  /** the soft limit of descriptors that lightningd will have; undefined: it is not known */
  readonly softLimit: bigint | undefined;
}

/** A pinned program. */
export interface Pin {
  /** its path in the snapshot */
  readonly path: string;
  /** where it was when it was opened */
  readonly source: string;
  /** O_PATH, close-on-exec until the launch */
  readonly fd: number;
}

const { O_RDONLY, O_NONBLOCK } = constants;

/** Descriptors that are left to lightningd below its soft limit: it has sockets, pipes and databases of its own. */
const LEFT_TO_LIGHTNINGD = 256n;

/** The pinned programs of one snapshot that is being built. */
export class Pins {
  readonly #pinning: Pinning;
  readonly #program: string;
  readonly #owner: bigint;
  readonly #held: Pin[] = [];

  /** @param program lightningd's path in the snapshot @param owner who pins: only what is his or root's is pinned */
  constructor(pinning: Pinning, program: string, owner: bigint) {
    this.#pinning = pinning;
    this.#program = program;
    this.#owner = owner;
  }

  /** Those that were pinned so far. */
  get held(): readonly Pin[] {
    return this.#held;
  }

  /**
   * Pins a file and makes its link.
   * @returns undefined where it is one to be placed
   * @throws HoldfastError `PLACEMENT` where there are too few descriptors, or the link does not lead to the file;
   *   `BAD_SOURCE` where the source is not the file that was listed; `SYSTEM`
   */
  pin(staging: Directory, file: PlaceRequest): Extract<Placed, { placement: 'pin' }> | undefined {
    const { path, source, stat, mode } = file;
    const isTrusted = stat.uid === 0n || stat.uid === this.#owner;
    const isCode = mode === '100755' || isHeldLibrary(path);
    if (path === this.#program || !isCode || whyUnsafe(stat) !== undefined || !isTrusted) return undefined;
    const from = openSource(file);
    let fd: number;
    try {
      if (!isImage(from, source)) return undefined;
      fd = this.#hold(from, source);
    } finally {
      closeSync(from);
    }
    this.#held.push({ path, source, fd });
    const link = `/proc/${this.#pinning.pid}/fd/${fd}`;
    staging.attempt('make the symbolic link', path, at => symlinkSync(link, at));
    this.#check(link, file);
    return { placement: 'pin', pin: fd };
  }

  /** Lets go of all: the snapshot is not to be. */
  close(): void {
    for (const { fd } of this.#held) closeSync(fd);
    this.#held.length = 0;
  }

  /** A descriptor for the very inode that is open. */
  #hold(from: number, source: string): number {
    let low: number;
    try {
      low = openSync(`/proc/self/fd/${from}`, O_PATH);
    } catch (error) {
      throw systemError('open', source, error);
    }
    const { least, softLimit } = this.#pinning;
    try {
      const fd = duplicate(low, least, 'close on exec');
      if (softLimit === undefined || BigInt(fd) + LEFT_TO_LIGHTNINGD < softLimit) return fd;
      closeSync(fd);
    } catch (error) {
      // fcntl(2): EINVAL, `least` is above the limit; EMFILE, none is left
      if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'EMFILE') throw systemError('pin', source, error);
    } finally {
      closeSync(low);
    }
    throw new HoldfastError(
      'PLACEMENT',
      `cannot pin ${quote(source)}: descriptors from ${least} on are taken, ${LEFT_TO_LIGHTNINGD} are left to lightningd, and the limit is ${softLimit}`,
      { path: source, hint: 'raise the limit: ulimit -n, or LimitNOFILE= of the unit' },
    );
  }

  /** The children will come by this name: a /proc of another PID namespace would lead them to another process. */
  #check(link: string, { source, stat }: PlaceRequest): void {
    let found: { readonly dev: bigint; readonly ino: bigint } | undefined;
    try {
      found = statSync(link, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      throw systemError('look through', link, error);
    }
    if (found?.dev === stat.dev && found.ino === stat.ino) return;
    throw new HoldfastError('PLACEMENT', `cannot pin ${quote(source)}: ${link} does not lead to it`, {
      path: source,
      hint: 'is /proc the one of this PID namespace? Without --method=pin nothing needs that',
    });
  }
}

/** Opens what a pin leads to, for reading. @throws HoldfastError `SYSTEM` */
export function openPin(pin: number, source: string): number {
  try {
    return openSync(`/proc/self/fd/${pin}`, O_RDONLY | O_NONBLOCK);
  } catch (error) {
    throw systemError('open', source, error);
  }
}

/**
 * The children look into lightningd's entry in /proc, which is root's while lightningd cannot be dumped: that is so
 * after the execve of a file that gives capabilities (prctl(2), PR_SET_DUMPABLE). One that the user may not read would
 * do the same, and could not have been hashed; a set-id one was copied without the bit.
 * @throws HoldfastError `PLACEMENT`
 */
export function checkDumpable(snapshot: Directory, program: string): void {
  if (!snapshot.attempt('look at', program, hasCapabilities)) return;
  throw new HoldfastError(
    'PLACEMENT',
    `cannot pin: ${quote(program)} has file capabilities, which close its entry in /proc to its own children`,
    { path: program, hint: 'without --method=pin nothing needs that' },
  );
}

function isImage(fd: number, source: string): boolean {
  try {
    return isElf(fd);
  } catch (error) {
    throw systemError('read', source, error);
  }
}
