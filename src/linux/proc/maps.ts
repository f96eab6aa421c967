/** Which files a process has mapped as code: its program and its libraries (proc_pid_maps(5)). Only looks. */
import { readFileSync } from 'node:fs';

/** A mapped file. */
export interface MappedFile {
  /** where it is or was, in the mount namespace of the process */
  readonly path: string;
  /** as the kernel shows it: on btrfs and overlayfs the device beside it is not the one of stat(2) */
  readonly ino: bigint;
  /** that path no longer leads to it */
  readonly deleted: boolean;
}

/** address, permissions with `x`, offset, device, inode, path */
const CODE = /^[0-9a-f]+-[0-9a-f]+ ..x. [0-9a-f]+ [0-9a-f:]+ (\d+) +(\/.*)$/gm;
const DELETED = ' (deleted)';

/** Each file once. @returns undefined where the process is gone, or may not be looked into */
export function mappedCode(pid: number, proc = '/proc'): MappedFile[] | undefined {
  try {
    return parseMaps(readFileSync(`${proc}/${pid}/maps`, 'utf8'));
  } catch {
    return undefined; // ENOENT, ESRCH: it has ended; EACCES, EPERM: another user's, or one that cannot be dumped
  }
}

/** Reads the lines of a process. Pure. */
export function parseMaps(text: string): MappedFile[] {
  const files = new Map<string, MappedFile>();
  for (const [, ino = '0', shown = ''] of text.matchAll(CODE)) {
    const deleted = shown.endsWith(DELETED);
    const path = (deleted ? shown.slice(0, -DELETED.length) : shown).replaceAll('\\012', '\n');
    files.set(`${ino} ${shown}`, { path, ino: BigInt(ino), deleted });
  }
  return [...files.values()];
}
