/**
 * Builds a snapshot in a staging directory: every file placed, every file hashed. What it takes is what was listed, or
 * it throws; whether that is one version is for the gate to say. Nobody but the wipe ever looks into a staging
 * directory, so a crash here leaves only what the next launch wipes.
 *
 * Order: (1) claim the directory and lock it, (2) make the directories, (3) pin, hard-link or reflink what can be, copying
 * the rest in the pass that hashes it, (4) let the clock of ctimes tick, (5) hash what was linked or pinned. Linking comes
 * before hashing because link(2) moves the ctime: with a tick between the two, a write after our reading shows.
 */

import { type BigIntStats, closeSync, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, HoldfastError, quote, systemError } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import { nowNs, sleep } from '../../linux/time.ts';
import { fileMode } from '../../manifest/entry.ts';
import type { ManifestFile } from '../../manifest/manifest.ts';
import { hashFiles } from '../hash/hash.ts';
import { directoryIdentityOf, identityOf, isRacy, TICK_NS } from '../store/identity.ts';
import type { Method, Placement } from '../store/placement.ts';
import { openPin, type Pins } from './pin.ts';
import { finishFile, type Placed, type PlaceRequest, placeFile } from './place.ts';

/** A file of the installation as it was listed. */
export interface ListedFile {
  readonly path: string;
  readonly source: string;
  readonly stat: BigIntStats;
}

/** A directory of the installation as it was listed: its mtime tells that names in it came or went. */
export interface ListedDirectory {
  readonly path: string;
  readonly stat: BigIntStats;
}

/** A file in staging: its manifest entry, how it got there, and the identity that its source had when it was read. */
export interface StagedFile {
  readonly entry: ManifestFile;
  readonly source: string;
  readonly placement: Placement;
  readonly sourceIs: string;
  /** its ctime was too young to rely on, see record.ts */
  readonly racy: boolean;
}

/** A staging directory, held open and locked (LOCK_SH) by `directory.fd`. */
export interface Staged {
  readonly name: string;
  readonly directory: Directory;
  readonly files: readonly StagedFile[];
}

/** How many files are open at once while they are copied, two descriptors each. */
const COPY_BATCH = 32;

/** How many pinned files are open at once while they are hashed. */
const PIN_BATCH = 256;

/**
 * Builds in `store` under the staging name `name`. Call it with the store's lock held. On an error the directory is
 * closed and stays, for the caller to remove.
 * @param onPlaced called when every file is in its place and whole, before the hashing
 * @param pins takes what can be pinned; the rest is then placed by the first method that works
 * @throws HoldfastError `BAD_SOURCE` (errno ESTALE) where a source changed meanwhile, `PLACEMENT`, `SYSTEM`
 */
export async function stage(
  store: Directory,
  name: string,
  files: readonly ListedFile[],
  method: Method,
  owner: bigint,
  onPlaced: (path: string) => void,
  pins?: Pins,
): Promise<Staged> {
  store.make(name);
  const directory = store.enter(name);
  try {
    if (!directory.tryLock('shared')) {
      throw new HoldfastError('SYSTEM', `${quote(directory.path)} is locked by another process`, {
        path: directory.path,
      });
    }
    makeDirectories(directory, files);
    const { linked, copied } = await placeAll(directory, files, method, owner, pins);
    onPlaced(directory.path);
    const hashed = await hashLinked(directory, linked);
    return { name, directory, files: [...hashed, ...copied] };
  } catch (error) {
    directory.close();
    throw error;
  }
}

/**
 * Looks at the sources again: are they still the files that we read? A ctime alone may have moved because another
 * launch links or unlinks the same inode: then the content is read again.
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
    if (now === file.sourceIs) {
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

function makeDirectories(staging: Directory, files: readonly ListedFile[]): void {
  const made = new Set<string>(['.']);
  const make = (path: string): void => {
    if (made.has(path)) return;
    make(dirname(path));
    staging.make(path);
    made.add(path);
  };
  for (const file of files) make(dirname(file.path));
}

interface LinkedFile {
  readonly file: PlaceRequest;
  readonly placement: Placement;
  /** of a pinned file its descriptor */
  readonly pin?: number;
  readonly stat: BigIntStats;
}

async function placeAll(
  staging: Directory,
  files: readonly ListedFile[],
  method: Method,
  owner: bigint,
  pins: Pins | undefined,
) {
  const linked: LinkedFile[] = [];
  const copied: StagedFile[] = [];
  let batch: OpenCopy[] = [];
  try {
    for (const listed of files) {
      const file = { ...listed, mode: fileMode(listed.stat) };
      const placed =
        pins?.pin(staging, file) ?? placeFile(staging, file, method === 'pin' ? 'auto' : method, owner);
      if (placed.placement === 'copy') batch.push({ file, ...placed });
      else linked.push({ file, ...placed, stat: sourceAfter(file, placed) });
      if (batch.length < COPY_BATCH) continue;
      const full = batch;
      batch = [];
      copied.push(...(await copyBatch(staging, full)));
    }
    const last = batch;
    batch = [];
    copied.push(...(await copyBatch(staging, last)));
  } finally {
    for (const copy of batch) closeCopy(copy);
  }
  return { linked, copied };
}

interface OpenCopy {
  readonly file: PlaceRequest;
  readonly from: number;
  readonly to: number;
}

function closeCopy(copy: OpenCopy): void {
  closeSync(copy.from);
  closeSync(copy.to);
}

async function copyBatch(staging: Directory, batch: readonly OpenCopy[]): Promise<StagedFile[]> {
  const readFrom = nowNs();
  try {
    const results = await hashFiles(
      batch.map(({ file, from, to }) => ({
        fd: from,
        copyTo: to,
        path: file.source,
        size: Number(file.stat.size),
      })),
    );
    return batch.map(({ file, to }, index) => {
      finishFile(to, file, staging);
      const result = results[index]!; // one result for each request
      return stagedFile(file, 'copy', result, file.stat, readFrom);
    });
  } finally {
    for (const copy of batch) closeCopy(copy);
  }
}

async function hashLinked(staging: Directory, linked: readonly LinkedFile[]): Promise<StagedFile[]> {
  if (linked.some(({ stat }) => isRacy(stat, nowNs()))) await sleep(Number(TICK_NS / 1_000_000n) + 1);
  const hashed: StagedFile[] = [];
  // a pinned file is opened for its hashing, which must not take all descriptors that there are
  const most = linked.some(({ pin }) => pin !== undefined) ? PIN_BATCH : linked.length;
  for (let at = 0; at < linked.length; at += most) {
    hashed.push(...(await hashBatch(staging, linked.slice(at, at + most))));
  }
  return hashed;
}

async function hashBatch(staging: Directory, linked: readonly LinkedFile[]): Promise<StagedFile[]> {
  const open: number[] = [];
  try {
    const readFrom = nowNs();
    const results = await hashFiles(
      linked.map(({ file, stat, pin }) => {
        const size = Number(stat.size);
        if (pin === undefined) return { path: staging.at(file.path), size };
        const fd = openPin(pin, file.source);
        open.push(fd);
        return { path: file.source, fd, size };
      }),
    );
    return linked.map(({ file, placement, stat }, index) =>
      stagedFile(file, placement, results[index]!, stat, readFrom),
    );
  } finally {
    for (const fd of open) closeSync(fd);
  }
}

function stagedFile(
  file: PlaceRequest,
  placement: Placement,
  result: { readonly sha256: string; readonly size: number },
  stat: BigIntStats,
  readFrom: bigint,
): StagedFile {
  if (BigInt(result.size) !== file.stat.size) throw changed(file.source);
  return {
    entry: { path: file.path, mode: file.mode, size: result.size, sha256: result.sha256 },
    source: file.source,
    placement,
    sourceIs: identityOf(stat),
    racy: isRacy(stat, readFrom),
  };
}

/** The source after it was placed: a hard link has moved its ctime, all else must be as it was listed. */
function sourceAfter(file: PlaceRequest, placed: Placed): BigIntStats {
  const stat = lookAt(file.source);
  const same =
    placed.placement === 'hardlink'
      ? withoutCtime(identityOf(stat)) === withoutCtime(identityOf(file.stat)) && stat.mode === file.stat.mode
      : identityOf(stat) === identityOf(file.stat);
  if (!same) throw changed(file.source);
  return stat;
}

function lookAt(source: string): BigIntStats {
  try {
    return lstatSync(source, { bigint: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw changed(source);
    throw systemError('look at', source, error);
  }
}

function withoutCtime(identity: string): string {
  return identity.slice(0, identity.lastIndexOf(':'));
}

function changed(source: string): HoldfastError {
  return new HoldfastError('BAD_SOURCE', `${quote(source)} changed while the snapshot was made`, {
    path: source,
    errno: 'ESTALE',
  });
}
