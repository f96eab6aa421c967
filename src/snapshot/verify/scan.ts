/**
 * Everything below a directory, each looked at once with lstat(2). Never follows a symbolic link, never opens
 * anything but directories, never writes. What cannot be looked at is listed with the reason: nothing is left out.
 */

import { isUtf8 } from 'node:buffer';
import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { errnoOf, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';

/** What there is below a directory, by paths below it. */
export interface Scan {
  readonly entries: ReadonlyMap<string, BigIntStats>;
  /** directories that cannot be listed and files that cannot be looked at, with the reason */
  readonly closed: ReadonlyMap<string, string>;
  /** names that are no UTF-8, escaped for display: no manifest can have them */
  readonly unnameable: readonly string[];
}

/** Looks at everything below `top`. Cost is linear; what is remembered is one stat for each entry. */
export function scan(top: Directory): Scan {
  const entries = new Map<string, BigIntStats>();
  const closed = new Map<string, string>();
  const unnameable: string[] = [];
  const directories = [''];
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    const names = list(top, directory, closed);
    for (const name of names) {
      const path = directory === '' ? name.toString() : `${directory}/${name.toString()}`;
      if (!isUtf8(name)) {
        unnameable.push(`${path.slice(0, path.length - name.toString().length)}${escapeBytes(name)}`);
        continue;
      }
      const stat = look(top, path, closed);
      if (stat === undefined) continue;
      entries.set(path, stat);
      if (stat.isDirectory()) directories.push(path);
    }
  }
  return { entries, closed, unnameable };
}

function list(top: Directory, directory: string, closed: Map<string, string>): Buffer[] {
  const path = directory === '' ? top.at() : top.at(directory);
  try {
    return readdirSync(path, { encoding: 'buffer' });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []; // removed since its name was read
    closed.set(
      directory === '' ? '.' : directory,
      systemError('list', top.show(directory || '.'), error).message,
    );
    return [];
  }
}

function look(top: Directory, path: string, closed: Map<string, string>): BigIntStats | undefined {
  try {
    return lstatSync(top.at(path), { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    closed.set(path, systemError('look at', top.show(path), error).message);
    return undefined;
  }
}

/** Bytes of a name as printf(1) takes them: what is no printable ASCII becomes `\xNN`. */
function escapeBytes(name: Buffer): string {
  return [...name]
    .map(byte =>
      byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');
}

/** What an entry is, in a word. */
export function kindOf(stat: BigIntStats): string {
  if (stat.isFile()) return 'regular file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symbolic link';
  if (stat.isFIFO()) return 'FIFO';
  if (stat.isSocket()) return 'socket';
  return stat.isCharacterDevice() ? 'character device' : 'block device';
}
