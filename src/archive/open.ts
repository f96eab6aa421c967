/** An archive, held open: whatever its path leads to later, what was checked is what is unpacked. Only reads. */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { HoldfastError, quote, systemError } from '../errors.ts';
import { type ArchiveFormat, archiveFormat, HEAD_BYTES } from './format.ts';

/** An open archive. */
export interface Archive {
  /** absolute, links resolved */
  readonly path: string;
  /** as the operator named it, absolute */
  readonly named: string;
  readonly fd: number;
  /** taken right after it was opened */
  readonly stat: BigIntStats;
  readonly format: ArchiveFormat;
}

/**
 * Opens an archive and tells its kind.
 * @throws HoldfastError `UNREADABLE` where it cannot be opened, `ARCHIVE` where it is none
 */
export function openArchive(named: string): Archive {
  let fd: number | undefined;
  try {
    const path = realpathSync(named);
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // a FIFO must not hang us
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile()) throw new HoldfastError('ARCHIVE', `${quote(named)} is no file`, { path: named });
    const format = formatOf(fd);
    if (format === undefined) {
      throw new HoldfastError('ARCHIVE', `${quote(named)} is no release archive`, {
        path: named,
        hint: 'what can be read: a tar archive, as it is or compressed with gzip, xz or zstd',
      });
    }
    return { path, named, fd, stat, format };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    if (error instanceof HoldfastError) throw error;
    const { message, path, syscall, errno, cause } = systemError('open', named, error);
    throw new HoldfastError('UNREADABLE', message, { path, syscall, errno, cause });
  }
}

/** Is this file an archive, going by its first bytes? A file that cannot be read is none. */
export function isArchive(path: string): boolean {
  try {
    closeSync(openArchive(path).fd);
    return true;
  } catch (error) {
    if (error instanceof HoldfastError) return false;
    throw error;
  }
}

/** Has anybody written to it since it was opened? Every write moves the ctime; see snapshot/record/identity.ts for the tick. */
export function hasChanged({ fd, stat }: Archive): boolean {
  const now = fstatSync(fd, { bigint: true });
  return now.size !== stat.size || now.mtimeNs !== stat.mtimeNs || now.ctimeNs !== stat.ctimeNs;
}

function formatOf(fd: number): ArchiveFormat | undefined {
  const head = Buffer.alloc(HEAD_BYTES);
  return archiveFormat(head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0)));
}
