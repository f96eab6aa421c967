/** `current`: the symbolic link to the snapshot built or launched last. Replaced by rename, never edited. */
import { readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { errnoOf, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { CURRENT_NAME, stagingName } from './layout.ts';

/** Where `current` points, as written in the link; undefined where there is none. */
export function readCurrent(store: Directory): string | undefined {
  try {
    return readlinkSync(store.at(CURRENT_NAME));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EINVAL') return undefined; // EINVAL: no symbolic link
    throw systemError('read the link', store.show(CURRENT_NAME), error);
  }
}

/** What symlink(2) says where the file system has none: vfat and exfat, and exfat through FUSE. */
const NO_LINKS = new Set(['EPERM', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Points `current` to a snapshot's name, or, where the store is a fallback, to an absolute path. The new link is
 * made under a staging name, which the next wipe removes if we die before the rename.
 * @throws HoldfastError `SYSTEM`
 */
export function setCurrent(store: Directory, target: string, pid: number): void {
  if (readCurrent(store) === target) return;
  const temporary = stagingName(pid);
  try {
    symlinkSync(target, store.at(temporary));
  } catch (error) {
    const hint = NO_LINKS.has(errnoOf(error) ?? '')
      ? 'the file system has no symbolic links: use a store elsewhere, --snapshot-dir=DIR'
      : [];
    throw systemError('make the link', store.show(temporary), error, { hint });
  }
  store.attempt('replace the link', CURRENT_NAME, path => renameSync(store.at(temporary), path));
}
