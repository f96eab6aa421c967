/**
 * What `run --confine` allowed, for `status`: the kernel shows nobody's Landlock rules. It is written into a file without
 * a name (memfd_create(2)) that lightningd holds open, sealed: it is there as long as it is true, and no longer.
 */
import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import { systemError } from '../errors.ts';
import { readRegularFile } from '../linux/files/read-file.ts';
import { sealedFile } from '../linux/process/memory-file.ts';
import { duplicate } from '../linux/process/state.ts';

/** What may be executed: a program, or every program below a directory. */
export interface Allowed {
  /** absolute */
  readonly path: string;
  /** what asks for it: `the snapshot`, `plugin=`, an interpreter's script */
  readonly why: string;
}

const NAME = 'holdfast-confine';

/** More is none of ours: a list has some hundred lines. */
const MOST_BYTES = 1024 * 1024;

/** Clear of what the caller numbers by hand, as the live lock is (launch.ts). */
const LEAST_DESCRIPTOR = 10;

/** Writes the list. @returns its descriptor, close-on-exec @throws HoldfastError `SYSTEM` */
export function writeList(allowed: readonly Allowed[]): number {
  try {
    const low = sealedFile(NAME, JSON.stringify(allowed));
    try {
      return duplicate(low, LEAST_DESCRIPTOR, 'close on exec');
    } finally {
      closeSync(low);
    }
  } catch (error) {
    throw systemError('write what is allowed into', `memfd:${NAME}`, error);
  }
}

/** What a node was allowed; undefined where holdfast did not confine it, it re-executed itself, or is not ours to see. */
export function readList(pid: number, proc = '/proc'): readonly Allowed[] | undefined {
  const directory = `${proc}/${pid}/fd`;
  try {
    const fd = readdirSync(directory).find(
      name => targetOf(`${directory}/${name}`) === `/memfd:${NAME} (deleted)`,
    );
    if (fd === undefined) return undefined;
    const { bytes } = readRegularFile(`${directory}/${fd}`, { mostBytes: MOST_BYTES, follow: true });
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isList(value) ? value : undefined;
  } catch {
    return undefined; // EACCES, gone meanwhile, or not what we wrote: the node's user can make one by this name
  }
}

function isList(value: unknown): value is readonly Allowed[] {
  return (
    Array.isArray(value) &&
    value.every(item => typeof item?.path === 'string' && typeof item?.why === 'string')
  );
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined; // closed since it was listed
  }
}
