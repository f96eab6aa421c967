/**
 * Fills a staging directory: every file placed, every file hashed. What it takes is what was listed, or it throws;
 * whether that is one version is for the gate to say.
 *
 * Order: (1) make the directories, (2) pin, hard-link or reflink what can be, copying the rest in the pass that hashes it,
 * (3) let the clock of ctimes tick, (4) hash what was linked or pinned. Linking comes before hashing because link(2)
 * moves the ctime: with a tick between the two, a write after our reading shows.
 */
import { type BigIntStats, closeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Directory } from '../../linux/files/directory.ts';
import { nowNs, sleep } from '../../linux/time.ts';
import { fileMode } from '../../manifest/entry.ts';
import { hashFiles } from '../hash/hash.ts';
import type { Owners } from '../place/linkable.ts';
import { openPin, type Pins } from '../place/pin.ts';
import { finishFile, type Learnt, type Placed, type PlaceRequest, placeFile } from '../place/place.ts';
import { identityOf, isRacy, TICK_NS } from '../record/identity.ts';
import type { Method, Placement } from '../record/placement.ts';
import { changed, lookAt, type StagedFile, untilAsListed, withoutCtime } from './look-again.ts';
import type { ListedFile } from './source.ts';

/** How many files are open at once while they are copied, two descriptors each. */
const COPY_BATCH = 32;

/** How many pinned files are open at once while they are hashed. */
const PIN_BATCH = 256;

/** What placeFiles has put there: copies are hashed already, what was linked or pinned is not. */
export interface PlacedFiles {
  readonly linked: readonly LinkedFile[];
  readonly copied: readonly StagedFile[];
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

/** A file that was linked, reflinked or pinned. */
export interface LinkedFile {
  readonly file: PlaceRequest;
  readonly placement: Placement;
  /** of a pinned file its descriptor */
  readonly pin?: number;
  readonly stat: BigIntStats;
}

/**
 * Puts every file into its place, whole. Call it with the store's lock held.
 * @param pins takes what can be pinned; the rest is then placed by the first method that works
 * @throws HoldfastError `BAD_SOURCE` (errno ESTALE) where a source changed meanwhile, `PLACEMENT`, `SYSTEM`
 */
export async function placeFiles(
  staging: Directory,
  files: readonly ListedFile[],
  method: Method,
  owners: Owners,
  pins: Pins | undefined,
): Promise<PlacedFiles> {
  makeDirectories(staging, files);
  const linked: LinkedFile[] = [];
  const copied: StagedFile[] = [];
  let batch: OpenCopy[] = [];
  const learnt: Learnt = {};
  try {
    for (const listed of files) {
      const file = { ...listed, mode: fileMode(listed.stat) };
      const linkable = learnt.unlike === undefined;
      const placed = pins?.pin(staging, file) ?? placeFile(staging, file, method, owners, learnt);
      if (placed.placement === 'copy') batch.push({ file, ...placed });
      const tookBack = linkable && learnt.unlike !== undefined;
      if (tookBack) await untilAsListed(file);
      if (placed.placement !== 'copy')
        linked.push({ file, ...placed, stat: sourceAfter(file, placed, tookBack) });
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

/** Hashes what placeFiles has linked or pinned, all at once. @throws HoldfastError as placeFiles */
export async function hashStaged(staging: Directory, placed: readonly PlacedFiles[]): Promise<StagedFile[]> {
  const linked = placed.flatMap(files => files.linked);
  if (linked.some(({ stat }) => isRacy(stat, nowNs()))) await sleep(Number(TICK_NS / 1_000_000n) + 1);
  const hashed: StagedFile[] = [];
  // a pinned file is opened for its hashing, which must not take all descriptors that there are
  const most = linked.some(({ pin }) => pin !== undefined) ? PIN_BATCH : linked.length;
  for (let at = 0; at < linked.length; at += most) {
    hashed.push(...(await hashBatch(staging, linked.slice(at, at + most))));
  }
  return [...hashed, ...placed.flatMap(({ copied }) => copied)];
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

/** The source after it was placed: a hard link, be it taken back, has moved its ctime; all else is as it was listed. */
function sourceAfter(file: PlaceRequest, placed: Placed, tookBack: boolean): BigIntStats {
  const stat = lookAt(file.source);
  const same =
    placed.placement === 'hardlink' || tookBack
      ? withoutCtime(identityOf(stat)) === withoutCtime(identityOf(file.stat)) && stat.mode === file.stat.mode
      : identityOf(stat) === identityOf(file.stat);
  if (!same) throw changed(file.source);
  return stat;
}
