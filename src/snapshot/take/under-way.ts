/** Which failures mean that an upgrade is under way, and what is said of it where it does not end. Pure. */
import { HoldfastError } from '../../errors.ts';
import { isBelow } from '../../linux/files/path.ts';
import type { Work } from './work.ts';

/**
 * Does this error mean that somebody is replacing files just now? Any call on one of them may be the first that finds it
 * gone; what is in the store is nobody's to replace.
 */
export function isPassing(
  error: unknown,
  { store, source }: Pick<Work, 'store' | 'source'>,
): error is HoldfastError {
  if (!(error instanceof HoldfastError)) return false;
  const { code, errno = '', path = '' } = error;
  if (code === 'BAD_SOURCE') return PASSING.has(errno);
  if (code !== 'SYSTEM' && code !== 'UNREADABLE') return false;
  if (source.identity !== undefined) return false; // an archive is not upgraded in place
  return GONE.has(errno) && path.startsWith('/') && ![store.path, '/proc'].some(top => isBelow(path, top));
}

/** ESTALE: not the file that was listed any more; ENOENT: gone since its directory was read. */
const PASSING: ReadonlySet<string> = new Set(['ESTALE', 'ENOENT']);

/** What calls say of a file that has gone: ENOTDIR where another is in its directory's place, ELOOP a link in its own. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ESTALE', 'ELOOP']);

/** What is said when it was waited for as long as the operator wants. */
export function underWayError(error: HoldfastError): HoldfastError {
  return new HoldfastError('GATE', `an upgrade seems to be under way: ${error.message}`, {
    path: error.path,
    cause: error,
    hint: [...error.hints, 'wait until the upgrade is complete, then try again'],
  });
}
