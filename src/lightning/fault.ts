/** Words a failed system call as a HoldfastError whose code is not SYSTEM: what failed says more than how. Pure. */
import { type ErrorCode, type ErrorFacts, errnoOf, HoldfastError } from '../errors.ts';

/** `permission denied (EACCES)`: the errno's words and name, from an error thrown by Node. */
export function errnoWords(error: unknown): string {
  const errno = errnoOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (errno === undefined) return message;
  return message.startsWith(`${errno}: `)
    ? `${message.slice(errno.length + 2).split(', ')[0]} (${errno})`
    : `${message} (${errno})`;
}

/**
 * `<what>: <the errno's words> (<errno>)`, with `path`, the errno and the system call as facts.
 * @throws the error itself when it has no errno: then no system call failed, and it is a bug of ours
 */
export function fault(
  code: ErrorCode,
  what: string,
  path: string,
  error: unknown,
  facts: ErrorFacts = {},
): HoldfastError {
  if (error instanceof HoldfastError) return error;
  if (errnoOf(error) === undefined) throw error;
  const syscall = (error as NodeJS.ErrnoException).syscall;
  return new HoldfastError(code, `${what}: ${errnoWords(error)}`, {
    path,
    syscall,
    errno: errnoOf(error),
    cause: error,
    ...facts,
  });
}
