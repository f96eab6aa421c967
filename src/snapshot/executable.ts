/**
 * Can programs be executed in this directory? The cheap answer, for each launch; probe-exec.ts has the thorough one.
 * Puts one empty file there, and takes it away again. Never says why not: that is for who has looked at the mount.
 */

import { accessSync, closeSync, constants, fchmodSync, openSync, unlinkSync } from 'node:fs';
import { errnoOf, systemError } from '../errors.ts';
import { randomBytes } from '../linux/random.ts';
import { stagingName } from './layout.ts';

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, X_OK } = constants;

/**
 * Asked with an empty file with execute bits, and access(X_OK), to which a noexec mount says EACCES
 * (access(2)). A security module may be asked only at execve(2): then the answer is true, and the launch fails.
 * @param directory absolute, or `/proc/self/fd/N`
 * @throws HoldfastError `SYSTEM` where the file cannot be made: EACCES, EROFS, ENOSPC
 */
export function canExecute(directory: string, shownAs: string = directory): boolean {
  const path = `${directory}/${probeName()}`;
  let fd: number;
  try {
    fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o700);
  } catch (error) {
    throw systemError('create a file in', shownAs, error);
  }
  try {
    fchmodSync(fd, 0o755); // whatever the umask
    accessSync(`/proc/self/fd/${fd}`, X_OK);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return false;
    throw systemError('execute programs in', shownAs, error);
  } finally {
    closeSync(fd);
    removeProbe(path);
  }
}

/** A name for a file of ours that the next wipe removes if we die. */
export function probeName(): string {
  return stagingName(process.pid, randomBytes(4));
}

/** Removes it; a launch may have wiped it already, taking it for what a crash left. */
export function removeProbe(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
