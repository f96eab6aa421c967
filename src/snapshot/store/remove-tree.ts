/**
 * Removes one entry of the store with all that is in it.
 * Never follows a symbolic link, never leaves what it was told to remove, never enters what is mounted in it
 * (linux/files/walk.ts). A crash, and whatever cannot be removed, leave a part of the tree for the next wipe.
 */
import { renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { errnoOf, type HoldfastError, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { type Visitor, walk } from '../../linux/files/walk.ts';
import { isSnapshotName, stagingName } from './layout.ts';

/**
 * Removes an entry of the store. A snapshot has the name of something half-made meanwhile, so that a crash leaves none that
 * is damaged. Where it cannot be renamed (a mount point, an immutable one) it goes under its own name, and what could not be
 * removed has that again. @returns as removeTree
 */
export function removeEntry(store: Directory, name: string): HoldfastError | undefined {
  const aside = stagingName(process.pid);
  if (!isSnapshotName(name) || !isRenamed(store, name, aside)) return removeTree(store, name);
  const left = removeTree(store, aside, name);
  if (left !== undefined) isRenamed(store, aside, name);
  return left;
}

function isRenamed(store: Directory, from: string, to: string): boolean {
  try {
    renameSync(store.at(from), store.at(to));
    return true;
  } catch {
    return false; // whatever the reason: removing it will say
  }
}

/**
 * Removes `name` in `parent`, as far as that is possible. One that is already gone is no failure.
 * @param shownAs its name in messages
 * @returns why it is still there: the first failure, of which others may be the consequence; undefined where it is gone
 */
export function removeTree(parent: Directory, name: string, shownAs = name): HoldfastError | undefined {
  let first: HoldfastError | undefined;
  const attempt = (what: string, show: () => string, call: () => void): void => {
    try {
      call();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return; // gone already, which is what we want
      throw systemError(what, show(), error);
    }
  };
  const visitor: Visitor = {
    file: (path, show) => attempt('remove', show, () => unlinkSync(path)),
    directory: (path, show) => attempt('remove the directory', show, () => rmdirSync(path)),
    failed: error => {
      first ??= error;
    },
  };
  walk(parent, name, visitor, shownAs);
  return first;
}
