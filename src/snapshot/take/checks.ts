/** What a snapshot must be before a launch uses it: of the expected root, and where programs can be executed. */
import { accessSync, constants } from 'node:fs';
import { errnoOf, HoldfastError, quote, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import type { Source } from './source.ts';
import type { Found, Terms } from './terms.ts';

/** @throws HoldfastError `ROOT_MISMATCH` */
export function checkRoot({ path }: Source, { expectRoot }: Terms, root: string): void {
  if (expectRoot === undefined || expectRoot === root) return;
  throw new HoldfastError(
    'ROOT_MISMATCH',
    `the root of ${quote(path)} is ${root}, not the expected ${expectRoot}`,
    { path, hint: 'what is installed is not what was pinned: find out why before you start it' },
  );
}

/** @throws HoldfastError `NOEXEC` where the store's file system executes nothing, or anything */
export async function checkExecutable(store: Directory): Promise<void> {
  const { whyUnfit } = await import('../store/executable.ts');
  const reason = whyUnfit(store.at(), store.path);
  if (reason === undefined) return;
  throw new HoldfastError('NOEXEC', reason, {
    path: store.path,
    hint: ['holdfast noexec-check says why, and what to do', 'or use a store elsewhere: --snapshot-dir=DIR'],
  });
}

/** lightningd itself asks access(X_OK) of its own path (lightningd.c, find_my_abspath). @throws HoldfastError */
export async function checkProgram(store: Directory, found: Found): Promise<void> {
  const { program } = found.record;
  try {
    accessSync(found.directory.at(program), constants.X_OK);
  } catch (error) {
    if (errnoOf(error) === 'EACCES') await checkExecutable(store);
    throw systemError('execute', found.directory.show(program), error);
  }
}
