/** Extended attributes: getxattr(2). Only looks. */
import { errnoOf } from '../../errors.ts';
import { call } from '../libc.ts';

/** There is none, or the file system has no such thing, or the file is gone: it has no such attribute that counts. */
const NONE: ReadonlySet<string> = new Set(['ENODATA', 'ENOTSUP', 'EOPNOTSUPP', 'ENOENT', 'EPERM', 'EACCES']);

/** Has the file capabilities of its own (capabilities(7))? A copy does not get them. @throws SyscallError */
export function hasCapabilities(path: string): boolean {
  try {
    call(
      'long getxattr(const char *path, const char *name, void *value, size_t size)',
      path,
      'security.capability',
      null,
      0,
    );
    return true;
  } catch (error) {
    if (NONE.has(errnoOf(error) ?? '')) return false;
    throw error;
  }
}
