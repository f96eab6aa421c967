/**
 * rpm's record, a database of SQLite's: a package is added to it after its last file has its name, before its scriptlets
 * run; until the transaction ends, what was added is in the write-ahead log. While files are written there are temporary
 * names, so this is only asked for the end. Only looks.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { chunksOf } from '../../linux/elf.ts';
import type { Installed, PackageState } from './state.ts';

/** A log of more is that of a transaction of thousands of packages. */
const MOST_BYTES = 64 << 20;

/** @param database the directory of the database @returns undefined where the record says nothing of it */
export function rpmState(database: string, installed: Installed): PackageState | undefined {
  const fd = openSync(`${database}/rpmdb.sqlite-wal`, 'r');
  try {
    const { size, mtimeNs } = fstatSync(fd, { bigint: true });
    if (mtimeNs < installed.changedNs || size > MOST_BYTES) return undefined;
    // a name may be cut in two by a page of the database: hardly all of them
    const names = installed.programs.map(name => Buffer.from(`\0${name}\0`));
    for (const chunk of chunksOf(fd, [{ offset: 0, length: Number(size) }], 64)) {
      if (names.some(name => chunk.includes(name))) return { state: 'unpacked' };
    }
    return undefined;
  } finally {
    closeSync(fd);
  }
}
