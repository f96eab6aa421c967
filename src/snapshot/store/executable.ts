/**
 * Can this directory hold an installation? The cheap answer, for each launch; probe-exec.ts has the thorough one.
 * Puts one empty file there, and takes it away again. Does not look at the mount.
 */

import { accessSync, closeSync, constants, fchmodSync, fstatSync, openSync, unlinkSync } from 'node:fs';
import { errnoOf, quote, systemError } from '../../errors.ts';
import { stagingName } from './layout.ts';

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, X_OK } = constants;

/**
 * Why the directory cannot hold an installation, in words: nothing there is a program, or everything is (ntfs-3g and
 * exfat keep no modes: a plugin and its data would be the same). Asked with an empty file: made without execute bits it
 * must have none; with them access(X_OK) must agree, to which a noexec mount says EACCES (access(2)). A security module
 * may be asked only at execve(2): then the launch fails.
 * @param directory absolute, or `/proc/self/fd/N`
 * @returns undefined where it can
 * @throws HoldfastError `SYSTEM` where the file cannot be made: EACCES, EROFS, ENOSPC
 */
export function whyUnfit(directory: string, shownAs: string = directory): string | undefined {
  const path = `${directory}/${probeName()}`;
  let fd: number;
  try {
    fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  } catch (error) {
    throw systemError('create a file in', shownAs, error);
  }
  try {
    if (isExecutable(fd)) return `${quote(shownAs)} keeps no file modes: every file there would be a program`;
    fchmodSync(fd, 0o755); // whatever the umask
    accessSync(`/proc/self/fd/${fd}`, X_OK);
    return undefined;
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return `no program can be executed below ${quote(shownAs)}`;
    throw systemError('execute programs in', shownAs, error);
  } finally {
    closeSync(fd);
    removeProbe(path);
  }
}

/** Has the open file any execute bit? */
export function isExecutable(fd: number): boolean {
  return (fstatSync(fd).mode & 0o111) !== 0;
}

/** A name for a file of ours that the next wipe removes if we die. */
export function probeName(): string {
  return stagingName(process.pid);
}

/** Removes it; a launch may have wiped it already, taking it for what a crash left. */
export function removeProbe(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
