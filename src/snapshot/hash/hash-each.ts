/**
 * Hashes many files of a snapshot, so that one that cannot be read never hides another: each path has a digest or the
 * error that kept it from having one. Opens with O_NOFOLLOW and O_NONBLOCK and asks the open file what it is: one that
 * was swapped for a symbolic link or a FIFO since it was listed neither leads elsewhere nor hangs. Never writes.
 */
import { type BigIntStats, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { HoldfastError, quote, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { type HashResult, hashFiles } from './hash.ts';

/** A file to hash, as it was listed. */
export interface HashTarget {
  /** below the directory */
  readonly path: string;
  readonly stat: BigIntStats;
  /** another path to open it at, links followed: that of a pinned file's descriptor */
  readonly openAt?: string | undefined;
}

/** Called as the work goes on. */
export type OnProgress = (progress: { readonly done: bigint; readonly total: bigint }) => void;

/** How many files are open at once: a soft limit of 1024 descriptors is common. */
const BATCH_FILES = 256;

const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/** Hashes the files below `top`; a value for each path. @throws nothing for a file: its error is its value */
export async function hashEach(
  top: Directory,
  targets: readonly HashTarget[],
  onProgress: OnProgress,
): Promise<Map<string, HashResult | HoldfastError>> {
  const results = new Map<string, HashResult | HoldfastError>();
  const total = targets.reduce((sum, { stat }) => sum + stat.size, 0n);
  let done = 0n;
  const onChunk = (chunk: Buffer) => {
    done += BigInt(chunk.length);
    // a batch that failed is read again, and a file that grows gives more than was counted
    onProgress({ done: done > total ? total : done, total });
  };
  for (let at = 0; at < targets.length; at += BATCH_FILES) {
    await hashBatch(top, targets.slice(at, at + BATCH_FILES), results, onChunk);
  }
  return results;
}

/** One call of the hasher; where it fails, the halves by themselves, until the file that fails stands alone. */
async function hashBatch(
  top: Directory,
  batch: readonly HashTarget[],
  results: Map<string, HashResult | HoldfastError>,
  onChunk: (chunk: Buffer) => void,
): Promise<void> {
  const open: { target: HashTarget; fd: number }[] = [];
  try {
    for (const target of batch) {
      const fd = openTarget(top, target);
      if (typeof fd === 'number') open.push({ target, fd });
      else results.set(target.path, fd);
    }
    const hashes = await hashFiles(
      open.map(({ target: { path, stat }, fd }) => ({
        fd,
        path: top.show(path),
        size: Number(stat.size),
        onChunk,
      })),
    );
    for (const [index, { target }] of open.entries()) results.set(target.path, hashes[index]!); // one for each request
    return;
  } catch (error) {
    const [only, second] = open;
    if (only === undefined) throw error; // an empty call cannot fail for a file's sake
    if (second === undefined) {
      results.set(only.target.path, systemError('read', top.show(only.target.path), error));
      return;
    }
  } finally {
    for (const { fd } of open) closeSync(fd);
  }
  const targets = open.map(({ target }) => target);
  const middle = Math.ceil(targets.length / 2);
  await hashBatch(top, targets.slice(0, middle), results, onChunk);
  await hashBatch(top, targets.slice(middle), results, onChunk);
}

function openTarget(top: Directory, { path, stat, openAt }: HashTarget): number | HoldfastError {
  let fd: number;
  try {
    fd = openAt === undefined ? openSync(top.at(path), READ | constants.O_NOFOLLOW) : openSync(openAt, READ);
  } catch (error) {
    return systemError('open', top.show(path), error);
  }
  const now = fstatSync(fd, { bigint: true });
  if (now.isFile() && now.dev === stat.dev && now.ino === stat.ino) return fd;
  closeSync(fd);
  return new HoldfastError('SYSTEM', `${quote(top.show(path))} was replaced while it was verified`, {
    path: top.show(path),
  });
}
