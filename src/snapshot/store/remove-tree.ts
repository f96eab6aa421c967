/**
 * Removes one entry of the store with all that is in it.
 * Never follows a symbolic link, never leaves what it was told to remove: each level is entered with O_NOFOLLOW and
 * worked on by names (bytes, as the disk has them) below the open descriptor. A crash leaves a part of the tree under
 * the same name, for the next wipe.
 */
import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  type PathLike,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { errnoOf, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';

const ENTER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Removes `name` in `parent`; one that is already gone is no error. @throws HoldfastError `SYSTEM` */
export function removeTree(parent: Directory, name: string): void {
  remove(parent.fd, Buffer.from(name), parent.path);
}

function remove(parentFd: number, name: Buffer, shownParent: string): void {
  const path = Buffer.concat([Buffer.from(`/proc/self/fd/${parentFd}/`), name]);
  const shown = `${shownParent}/${name.toString()}`;
  const attempt = <T>(what: string, call: (path: PathLike) => T): T | undefined => {
    try {
      return call(path);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined; // gone already, which is what we want
      throw systemError(what, shown, error);
    }
  };

  const isDirectory = attempt('look at', p => lstatSync(p).isDirectory());
  if (isDirectory === undefined) return;
  if (!isDirectory) {
    attempt('remove', p => unlinkSync(p));
    return;
  }
  const fd = attempt('enter', p => openSync(p, ENTER));
  if (fd === undefined) return;
  try {
    const names = attempt('list', () => readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' })) ?? [];
    for (const child of names) remove(fd, child, shown);
  } finally {
    closeSync(fd);
  }
  attempt('remove the directory', p => rmdirSync(p));
}
