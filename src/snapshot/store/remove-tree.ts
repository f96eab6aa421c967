/**
 * Removes one entry of the store with all that is in it.
 * Never follows a symbolic link, never leaves what it was told to remove, never enters what is mounted in it
 * (linux/walk.ts). A crash, and whatever cannot be removed, leave a part of the tree under the same name, for the next
 * wipe.
 */
import { rmdirSync, unlinkSync } from 'node:fs';
import { errnoOf, type HoldfastError, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { walk } from '../../linux/files/walk.ts';

/**
 * Removes `name` in `parent`, as far as that is possible. One that is already gone is no failure.
 * @returns why it is still there: the first failure, of which others may be the consequence; undefined where it is gone
 */
export function removeTree(parent: Directory, name: string): HoldfastError | undefined {
  let first: HoldfastError | undefined;
  const attempt = (what: string, show: () => string, call: () => void): void => {
    try {
      call();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return; // gone already, which is what we want
      throw systemError(what, show(), error);
    }
  };
  walk(parent, name, {
    file: (path, show) => attempt('remove', show, () => unlinkSync(path)),
    directory: (path, show) => attempt('remove the directory', show, () => rmdirSync(path)),
    failed: error => {
      first ??= error;
    },
  });
  return first;
}
