/**
 * Reads a file that may not be what it should be: a snapshot's own files belong to the node's user, who may put anything
 * there. Never waits for a FIFO, never reads more than the bound, follows a symbolic link only where that is asked for.
 */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { HoldfastError, quote, systemError } from '../../errors.ts';

/** A file that was read, and what it was when it was opened. */
export interface FileContent {
  readonly bytes: Buffer;
  readonly stat: BigIntStats;
}

/** How to read it. */
export interface ReadFileOptions {
  /** more bytes than this and it is none of ours */
  readonly mostBytes: number;
  /** the path for messages */
  readonly shownAs?: string;
  /** follow a symbolic link in the last component too: the operator has named it */
  readonly follow?: true;
}

/**
 * Reads a regular file.
 * @throws HoldfastError `UNREADABLE` where it is no regular file or too large; `SYSTEM` with the errno of open(2) or
 *   read(2), ELOOP for a symbolic link that is not followed
 */
export function readRegularFile(
  path: string,
  { mostBytes, shownAs = path, follow }: ReadFileOptions,
): FileContent {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    const fd = openSync(path, O_RDONLY | O_NONBLOCK | (follow === true ? 0 : O_NOFOLLOW));
    try {
      const stat = fstatSync(fd, { bigint: true });
      if (!stat.isFile()) throw unreadable(shownAs, 'is no regular file');
      if (stat.size > mostBytes) throw unreadable(shownAs, `is too large: ${stat.size} bytes`);
      return { bytes: readFileSync(fd), stat };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw systemError('read', shownAs, error);
  }
}

function unreadable(path: string, why: string): HoldfastError {
  return new HoldfastError('UNREADABLE', `${quote(path)} ${why}`, { path });
}
