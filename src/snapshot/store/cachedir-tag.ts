/**
 * CACHEDIR.TAG in the store (bford.info/cachedir): tar --exclude-caches, borg, restic and others leave a directory with
 * it out of backups. All in the store can be had again from the installation, at about 130 MB for each version.
 */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { errnoOf, errnoWords } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { CACHEDIR_TAG_NAME } from './layout.ts';

/** The first line is the whole of the specification. */
const TAG = `Signature: 8a477f597d28d172789f06886806bc55
# This directory holds snapshots of installed programs, which holdfast makes again when there is need:
# backups may leave it out. What belongs into a backup of a lightning-dir lies beside it.
`;

/** Makes the tag where it is missing. That it cannot be made is a warning. */
export function tagStore(store: Directory, warnings: string[]): void {
  try {
    writeFileSync(store.at(CACHEDIR_TAG_NAME), TAG, { flag: 'wx', mode: 0o644 });
    chmodSync(store.at(CACHEDIR_TAG_NAME), 0o644); // whatever the umask
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    rmSync(store.at(CACHEDIR_TAG_NAME), { force: true }); // half of one, where the disk is full
    warnings.push(
      `cannot make ${store.show(CACHEDIR_TAG_NAME)}, so backups take the snapshots too: ${errnoWords(error)}`,
    );
  }
}
