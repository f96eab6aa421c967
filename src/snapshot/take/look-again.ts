/**
 * A source after it was listed: is it still the same file? Asked when it was placed, and once more before the record is
 * written. Only reads.
 */
import { type BigIntStats, lstatSync } from 'node:fs';
import { errnoOf, HoldfastError, quote, systemError } from '../../errors.ts';
import { monotonicMs, nowNs, sleep } from '../../linux/time.ts';
import type { ManifestFile } from '../../manifest/manifest.ts';
import { hashFiles } from '../hash/hash.ts';
import { directoryIdentityOf, identityOf, isRacy } from '../record/identity.ts';
import type { Placement } from '../record/placement.ts';
import type { ListedDirectory } from './source.ts';

/** A file in staging: its manifest entry, how it got there, and the identity that its source had when it was read. */
export interface StagedFile {
  readonly entry: ManifestFile;
  readonly source: string;
  readonly placement: Placement;
  readonly sourceIs: string;
  /** its ctime was too young to rely on, see record.ts */
  readonly racy: boolean;
}

/**
 * Looks at the sources again: are they still the files that we read? A ctime alone may have moved because another
 * launch links or unlinks the same inode, and one that was too young to rely on hides a write: then the content is read
 * again.
 * @returns the files with the identities to record
 * @throws HoldfastError `BAD_SOURCE` (errno ESTALE) where one changed
 */
export async function lookAgain(
  files: readonly StagedFile[],
  directories: readonly ListedDirectory[],
): Promise<StagedFile[]> {
  for (const { path, stat } of directories) {
    if (directoryIdentityOf(lookAt(path)) !== directoryIdentityOf(stat)) throw changed(path);
  }
  const settled: StagedFile[] = [];
  for (const file of files) {
    const stat = lookAt(file.source);
    const now = identityOf(stat);
    if (now === file.sourceIs && !file.racy) {
      settled.push(file);
      continue;
    }
    if (withoutCtime(now) !== withoutCtime(file.sourceIs)) throw changed(file.source);
    const readFrom = nowNs();
    const [result] = await hashFiles([{ path: file.source, size: Number(stat.size) }]);
    if (result?.sha256 !== file.entry.sha256) throw changed(file.source);
    settled.push({ ...file, sourceIs: now, racy: isRacy(stat, readFrom) });
  }
  return settled;
}

/** @throws HoldfastError `BAD_SOURCE` (errno ESTALE) where it is gone, `SYSTEM` */
export function lookAt(source: string): BigIntStats {
  try {
    return lstatSync(source, { bigint: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw changed(source);
    throw systemError('look at', source, error);
  }
}

/** How long a file system may show a source wrongly after a link to it was taken back (gocryptfs: a second), ms. */
const SHOWS_WRONGLY_MS = 3000;
const POLL_MS = 50;

/** Waits until a source looks as it was listed, but for its ctime. @throws HoldfastError `BAD_SOURCE` (errno ESTALE) */
export async function untilAsListed({ source, stat }: { source: string; stat: BigIntStats }): Promise<void> {
  const deadline = monotonicMs() + SHOWS_WRONGLY_MS;
  while (withoutCtime(identityOf(lookAt(source))) !== withoutCtime(identityOf(stat))) {
    if (monotonicMs() > deadline) throw changed(source);
    await sleep(POLL_MS);
  }
}

/** An identity but for the ctime, which a link(2) or unlink(2) of anybody's moves. */
export function withoutCtime(identity: string): string {
  return identity.slice(0, identity.lastIndexOf(':'));
}

/** The source is not what was listed any more: passing, and worth another try. */
export function changed(source: string): HoldfastError {
  return new HoldfastError('BAD_SOURCE', `${quote(source)} changed while the snapshot was made`, {
    path: source,
    errno: 'ESTALE',
  });
}
