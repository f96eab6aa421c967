/**
 * The disk space that a store's snapshots really hold: what would be free again without them. A hard link that the
 * installation still has costs nothing; a file that only snapshots have costs once, however many have it. Blocks that a
 * reflink shares cannot be told without FIEMAP, and are counted. Only looks.
 */
import { lstatSync, readdirSync } from 'node:fs';

interface Inode {
  readonly bytes: number;
  readonly links: number;
  seen: number;
}

/** Bytes held by the files below these directories. Each is to be given once; what goes meanwhile counts for nothing. */
export function heldBytes(directories: readonly string[]): number {
  const inodes = new Map<string, Inode>();
  for (const directory of directories) collect(directory, inodes);
  let bytes = 0;
  for (const inode of inodes.values()) if (inode.seen >= inode.links) bytes += inode.bytes;
  return bytes;
}

function collect(path: string, inodes: Map<string, Inode>): void {
  for (const entry of entriesOf(path)) {
    const below = `${path}/${entry.name}`;
    if (entry.isDirectory()) {
      collect(below, inodes);
      continue;
    }
    const stat = lstatSync(below, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    const key = `${stat.dev}:${stat.ino}`;
    const known = inodes.get(key) ?? { bytes: stat.blocks * 512, links: stat.nlink, seen: 0 };
    known.seen++;
    inodes.set(key, known);
  }
}

function entriesOf(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch {
    return []; // gone, or closed to us
  }
}
