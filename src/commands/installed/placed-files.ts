/** A snapshot's files against what was placed: overwritten in place, missing, or pinned by a process. Only looks. */
import { type BigIntStats, closeSync, constants, lstatSync, openSync } from 'node:fs';
import { agrees, identityOf } from '../../snapshot/record/identity.ts';
import { pinAt, reach, targetOf } from '../../snapshot/record/pinned.ts';
import type { RecordedFile, SnapshotRecord } from '../../snapshot/record/record.ts';

/** A snapshot's files as they are for its node. */
export interface PlacedNow {
  /** paths of those that are no longer what was placed: overwritten in place, through a hard link or not, or missing */
  readonly overwritten: readonly string[];
  /** how many are pinned, and of how many of these the descriptor is closed, or may not be looked at; null: none is */
  readonly pinned: { readonly files: number; readonly gone: number; readonly unknown: number } | null;
}

/**
 * Looks at the files that were placed, and hashes those that were changed since.
 * @param pid of the node, as we see it: whatever number its own PID namespace gives it in the links
 */
export async function placedNow(snapshot: string, record: SnapshotRecord, pid: number): Promise<PlacedNow> {
  const doubts: Doubt[] = [];
  const pinned = { files: 0, gone: 0, unknown: 0 };
  for (const file of record.files) {
    const path = `${snapshot}/${file.path}`;
    const pin = file.placement === 'pin' ? pinAt(path) : undefined;
    if (pin === undefined) {
      const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (stat === undefined || !agrees(file.placedIs, identityOf(stat), true)) doubts.push({ file, stat });
      continue;
    }
    pinned.files++;
    const look = reach({ pid, fd: pin.fd }, file.placedIs);
    if ('closed' in look) pinned.unknown++;
    else if ('found' in look) pinned.gone++;
    else if (!agrees(file.placedIs, identityOf(look.stat), true)) {
      doubts.push({ file, stat: look.stat, openAt: targetOf({ pid, fd: pin.fd }) });
    }
  }
  return { overwritten: await changedOf(snapshot, doubts), pinned: pinned.files === 0 ? null : pinned };
}

interface Doubt {
  readonly file: RecordedFile;
  /** undefined: it is not there */
  readonly stat: BigIntStats | undefined;
  /** of a pinned file */
  readonly openAt?: string;
}

/** Which of them do not have the content that was placed? */
async function changedOf(snapshot: string, doubts: readonly Doubt[]): Promise<string[]> {
  if (doubts.length === 0) return [];
  const { hashFiles } = await import('../../snapshot/hash/hash.ts');
  const present = doubts.flatMap(({ file, stat, openAt }) =>
    stat?.isFile() === true ? [{ file, openAt, size: Number(stat.size) }] : [],
  );
  const opened: number[] = [];
  try {
    const hashes = await hashFiles(
      present.map(({ file, openAt, size }) => {
        const path = `${snapshot}/${file.path}`;
        if (openAt === undefined) return { path, size };
        const fd = openSync(openAt, constants.O_RDONLY | constants.O_NONBLOCK);
        opened.push(fd);
        return { path, size, fd };
      }),
    );
    const changed = present.filter(({ file }, index) => hashes[index]?.sha256 !== file.sha256);
    const gone = doubts.filter(({ stat }) => stat?.isFile() !== true);
    return [...changed, ...gone].map(({ file }) => file.path).sort();
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
