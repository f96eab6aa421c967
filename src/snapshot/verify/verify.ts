/**
 * Is a snapshot what its manifest says? A list of named checks, all of them made, every mismatch reported. Never
 * writes, never follows a symbolic link in the snapshot, never hangs on what was put there in a file's place.
 *
 * 1. Look at everything once (lstat). 2. Read the manifest, SHA256SUMS and libraries.json: `manifest`, `libraries`. 3. Look through the pins, if it
 * has any: `pinned`. 4. Hash the files that are there, regular, and of their size. 5. Judge: all other checks, over what
 * was read.
 */

import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf, HoldfastError, quote, systemError } from '../../errors.ts';
import { Directory } from '../../linux/files/directory.ts';
import { tryLock } from '../../linux/files/flock.ts';
import { readBootId } from '../../linux/proc/boot-id.ts';
import { monotonicMs, sleep } from '../../linux/time.ts';
import type { Manifest } from '../../manifest/manifest.ts';
import type { Verdict } from '../../verdict.ts';
import { type HashTarget, hashEach, type OnProgress } from '../hash/hash-each.ts';
import type { LibrariesDocument } from '../libraries/document.ts';
import { isSameInode } from '../record/identity.ts';
import { readRecord, type SnapshotRecord } from '../record/record.ts';
import { isHeldLibrary, isSnapshotName, LOCK_NAME, OUR_FILES } from '../store/layout.ts';
import { checkAltered } from './check-altered.ts';
import { CHECK_FUNCTIONS } from './check-entries.ts';
import { lookAtLibraries } from './check-libraries.ts';
import { lookAtPins, type PinView } from './check-pins.ts';
import {
  CHECKS,
  type CheckName,
  type CheckResult,
  type Finding,
  Ledger,
  type Note,
  type Unknown,
} from './ledger.ts';
import { type Expected, expectedFiles, readManifest, readSums } from './read-snapshot.ts';
import { type Scan, scan } from './scan.ts';

/** What verify says of one snapshot. */
export interface SnapshotReport {
  /** absolute, links resolved */
  readonly path: string;
  readonly verdict: Verdict;
  /** its files were pinned, and the process that held them has ended: a finding, but no damage */
  readonly gone: boolean;
  /** from the manifest, where it is valid */
  readonly root: string | null;
  readonly version: string | null;
  /** number of files of the manifest that were hashed, and their bytes */
  readonly files: number;
  readonly bytes: number;
  /** the same of held libraries; null: libraries are the system's */
  readonly libraries: { readonly files: number; readonly bytes: number } | null;
  readonly checks: readonly { readonly name: CheckName; readonly result: CheckResult }[];
  readonly findings: readonly Finding[];
  readonly unknowns: readonly Unknown[];
  readonly notes: readonly Note[];
}

/** The report, and the manifest that other answers build on. */
export interface Verified {
  readonly report: SnapshotReport;
  /** undefined where it is not valid */
  readonly manifest: Manifest | undefined;
  /** the pinned files that can be reached: path in the snapshot by `<device>:<inode>` */
  readonly pinned: ReadonlyMap<string, string>;
  /** what is held; undefined: nothing, or its list cannot be relied on */
  readonly libraries: LibrariesDocument | undefined;
}

/** Options of verifySnapshot. */
export interface VerifyOptions {
  readonly expectRoot?: string | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Verifies the snapshot at `path`, which may be a symbolic link to it.
 * @throws HoldfastError `NO_SNAPSHOT` where there is none, or where it was removed meanwhile; `SYSTEM` where the
 *   directory cannot be entered at all
 */
export async function verifySnapshot(path: string, options: VerifyOptions = {}): Promise<Verified> {
  const real = resolveLinks(path);
  const directory = Directory.open(real);
  try {
    await keepFromWipe(directory, real, path);
    const scanned = scan(directory);
    if (!looksLikeSnapshot(basename(real), scanned)) throw noSnapshot(path, 'there is no snapshot in');
    const ledger = new Ledger();
    const manifest = readManifest(directory, scanned, ledger);
    const sums = readSums(directory, scanned, ledger);
    const record = readRecordOrNone(directory);
    const libraries = lookAtLibraries(directory, scanned, record, ledger);
    const expected = expectedFiles(manifest, sums, libraries);
    const pins = lookAtPins(
      {
        directory,
        scan: scanned,
        paths: expected?.keys() ?? [],
        record,
        bootId: readBootId(),
        isHeld: () => isHeldByAnother(directory),
      },
      ledger,
    );
    const seen = throughPins(scanned, pins);
    const targets = hashable(expected, seen, pins);
    const hashes = await hashEach(directory, targets, options.onProgress ?? (() => undefined));
    const reading = {
      directory,
      name: basename(real),
      owner: ownerOf(real, directory),
      expectRoot: options.expectRoot,
      scan: seen,
      manifest,
      sums,
      expected,
      libraries,
      copied: copiesOf(record, seen),
      lost: pins.lost,
      hashes,
    };
    for (const name of CHECKS) {
      if (name !== 'manifest' && name !== 'pinned' && name !== 'libraries')
        CHECK_FUNCTIONS[name](reading, ledger);
    }
    checkAltered(record, ledger);
    // wiped before we had the lock, or where there is none: what is missing then is no finding
    if (isRemoved(directory, real)) throw noSnapshot(path, 'the snapshot was removed meanwhile:');
    return {
      manifest,
      libraries: libraries.document,
      pinned: new Map([...pins.reached].map(([path, { stat }]) => [`${stat.dev}:${stat.ino}`, path])),
      report: {
        path: real,
        verdict: ledger.verdict(),
        gone: pins.gone,
        root: manifest?.root ?? null,
        version: manifest?.version ?? null,
        ...countOf(targets.filter(({ path }) => !isHeldLibrary(path))),
        libraries: libraries.held ? countOf(targets.filter(({ path }) => isHeldLibrary(path))) : null,
        checks: CHECKS.map(name => ({ name, result: ledger.resultOf(name) })),
        findings: ledger.findings,
        unknowns: ledger.unknowns,
        notes: ledger.notes,
      },
    };
  } finally {
    directory.close();
  }
}

function countOf(targets: readonly HashTarget[]): { files: number; bytes: number } {
  return { files: targets.length, bytes: Number(targets.reduce((sum, { stat }) => sum + stat.size, 0n)) };
}

function resolveLinks(path: string): string {
  try {
    const real = realpathSync(path);
    if (lstatSync(real).isDirectory()) return real;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw systemError('look at', path, error);
    throw noSnapshot(path, 'there is no snapshot at');
  }
  throw noSnapshot(path, 'a snapshot is a directory, not');
}

/** How long a launch may take to remove a snapshot, or to ask whether it may; and between two tries for the lock, ms. */
const WIPE_MS = 10_000;
const POLL_MS = 10;

/**
 * A shared lock, for as long as we look: a launch then leaves the snapshot for the next one to wipe. Refused, a launch is
 * removing it, or only asks whether it may: we wait, and what is left when it was removed is no damage. Where no lock can be
 * had (a file system without flock, no koffi) we go without: a wipe at this very moment would look like damage.
 * @throws HoldfastError `NO_SNAPSHOT` where it is being removed
 */
async function keepFromWipe(directory: Directory, real: string, path: string): Promise<void> {
  const deadline = monotonicMs() + WIPE_MS;
  while (isRefused(directory)) {
    if (isRemoved(directory, real)) throw noSnapshot(path, 'the snapshot was removed meanwhile:');
    if (monotonicMs() > deadline) throw noSnapshot(path, 'a launch is removing the snapshot');
    await sleep(POLL_MS);
  }
}

/** It has no name any more, or, half removed by a launch that was killed, another one (store/wipe.ts). */
function isRemoved(directory: Directory, real: string): boolean {
  const stat = directory.stat();
  if (stat.nlink === 0n) return true;
  try {
    const there = lstatSync(real, { bigint: true, throwIfNoEntry: false });
    return there?.ino !== stat.ino || there.dev !== stat.dev;
  } catch {
    return false; // closed to us since: nothing is known of it
  }
}

function isRefused(directory: Directory): boolean {
  try {
    return !tryLock(directory.fd, 'shared');
  } catch {
    return false; // ENOLCK, EBADF (NFS wants a descriptor open for writing), EIO, UNSUPPORTED: as said above
  }
}

/**
 * Somebody else's lock says that the snapshot is live. Asked only of one whose pins lead nowhere: no launch uses it again,
 * so our exclusive lock, held for a moment, is in nobody's way.
 */
function isHeldByAnother(directory: Directory): boolean {
  try {
    const alone = tryLock(directory.fd, 'exclusive');
    tryLock(directory.fd, 'shared');
    return !alone;
  } catch {
    return false; // no locks here: see keepFromWipe
  }
}

/** What there is, with each pinned file that can be reached as the file that it leads to. */
function throughPins(scanned: Scan, { reached }: PinView): Scan {
  if (reached.size === 0) return scanned;
  const entries = new Map(scanned.entries);
  for (const [path, { stat }] of reached) entries.set(path, stat);
  return { ...scanned, entries };
}

/** Its name or a file of ours says so: a snapshot that lost its manifest is damaged, any other directory is none. */
function looksLikeSnapshot(name: string, { entries, closed }: Scan): boolean {
  return isSnapshotName(name) || closed.has('.') || [...OUR_FILES].some(file => entries.has(file));
}

function noSnapshot(path: string, what: string): HoldfastError {
  return new HoldfastError('NO_SNAPSHOT', `${what} ${quote(path)}`, {
    path,
    hint: 'holdfast status lists the snapshots of a store',
  });
}

/** Those that may be hashed: one that is no file or has another size is a finding already. */
function hashable(
  expected: ReadonlyMap<string, Expected> | undefined,
  { entries }: Scan,
  { reached }: PinView,
): HashTarget[] {
  return [...(expected ?? [])].flatMap(([path, { size }]) => {
    const stat = entries.get(path);
    const asExpected = stat?.isFile() === true && (size === undefined || stat.size === BigInt(size));
    return asExpected ? [{ path, stat, openAt: reached.get(path)?.openAt }] : [];
  });
}

/** The owner of the store that the snapshot lies in; a copy that lies elsewhere has its own. */
function ownerOf(real: string, directory: Directory): bigint {
  const store = dirname(real);
  try {
    const lock = lstatSync(join(store, LOCK_NAME), { throwIfNoEntry: false });
    if (lock?.isFile() === true) return lstatSync(store, { bigint: true }).uid;
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw systemError('look at', store, error);
    // a store that may be searched but not read would still answer: this one is closed, so it is not known as one
  }
  return directory.stat().uid;
}

/** By the record, as long as the file is the one that it speaks of. It only ever makes a check stricter. */
function copiesOf(record: SnapshotRecord | undefined, { entries }: Scan): ReadonlySet<string> {
  const copies = new Set<string>();
  for (const { path, placement, placedIs } of record?.files ?? []) {
    const stat = placement === 'hardlink' || placement === 'pin' ? undefined : entries.get(path);
    if (stat !== undefined && isSameInode(placedIs, stat)) copies.add(path);
  }
  return copies;
}

function readRecordOrNone(directory: Directory) {
  try {
    return readRecord(directory);
  } catch (error) {
    if (error instanceof HoldfastError) return undefined; // closed to us: then nothing is known to be a copy
    throw error;
  }
}
