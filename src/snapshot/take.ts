/**
 * Takes the snapshot that a launch runs from: the one that is there and proven, or a new one.
 *
 *  1. lock           the store is ours for work on the disk
 *  2. wipe-staging   what crashes left; before the proof, since unlink(2) moves the ctime of hard-linked sources
 *  3. prove          a snapshot whose record says that nothing changed: used as it is (on to 10)
 *  4. inspect        list the installation; traces of an upgrade: let go of everything, wait, begin again
 *  5. prove-by-hash  what is in doubt is read; a snapshot that agrees is used (on to 9)
 *  6. stage          place and hash every file; the staging directory carries our live lock
 *  7. ask-versions   without the store's lock; disagreement: throw the staging away, wait, begin again
 *  8. wipe           snapshots that nothing runs from; before the record, for the reason of step 2
 *  9. record         the sources looked at again, then .record.json, SHA256SUMS, and the manifest last
 * 10. publish        one rename to <id>; then `current`
 *
 * A crash between any two leaves either a staging directory, which the next launch wipes, or (between 8 and 10) fewer
 * snapshots, none of them live; after the rename the snapshot is whole, and `current` may point to the one before.
 */
import { randomBytes } from 'node:crypto';
import { accessSync, chmodSync, constants, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, HoldfastError, quote, systemError } from '../errors.ts';
import type { Directory } from '../linux/directory.ts';
import { tryLock } from '../linux/flock.ts';
import { formatManifest, type Manifest, makeManifest } from '../manifest/manifest.ts';
import { formatSha256sums } from '../manifest/sha256sums.ts';
import { setCurrent } from './current.ts';
import { canExecute } from './executable.ts';
import { MANIFEST_NAME, SHA256SUMS_NAME, snapshotId, stagingName } from './layout.ts';
import { lockStore, type StoreLock } from './lock.ts';
import type { Method } from './place.ts';
import { directoriesMoved, isProven, placedDirectoriesOf, proveByHash, sha256 } from './prove.ts';
import {
  directoryIdentityOf,
  identityOf,
  makeRecord,
  type RecordedAnswer,
  type RecordedFile,
  readRecord,
  type SnapshotRecord,
  writeRecord,
} from './record.ts';
import { removeTree } from './remove-tree.ts';
import {
  type ListedDirectory,
  type ListedFile,
  lookAgain,
  type Staged,
  type StagedFile,
  stage,
} from './stage.ts';
import { listStore } from './store.ts';
import { wipeSnapshots, wipeStaging } from './wipe.ts';

/** The installation as `inspect` found it. */
export interface Listing {
  /** lightningd's path below the prefix, and so in the snapshot */
  readonly program: string;
  readonly files: readonly ListedFile[];
  readonly directories: readonly ListedDirectory[];
}

/** Why there is no snapshot to be had now, though there may be in a while. */
export interface Unsettled {
  readonly unsettled: HoldfastError;
  /** when it may be worth another look, ms from now */
  readonly retryInMs?: number | undefined;
}

/** What the gate heard. */
export interface Versions {
  /** lightningd's own */
  readonly version: string;
  /** null where the gate was told not to ask */
  readonly answers: readonly RecordedAnswer[] | null;
}

/** All that taking a snapshot depends on. */
export interface TakeRequest {
  readonly store: Directory;
  readonly owner: bigint;
  /** lightningd in the installation, absolute, links resolved */
  readonly lightningd: string;
  readonly bootId: string;
  readonly method: Method;
  /** must what runs have passed the version checks? */
  readonly gate: boolean;
  /** ms to wait for an upgrade to finish; 0: one try */
  readonly settleMs: number;
  readonly expectRoot: string | undefined;
  readonly pid: number;
  readonly inspect: () => Listing | Unsettled;
  /** asks the programs below this directory */
  readonly askVersions: (directory: string, listing: Listing) => Promise<Versions | Unsettled>;
  /** called when somebody else works in the store for over a second */
  readonly onLockWait: () => void;
  /** called once, when an upgrade must settle first */
  readonly onSettling: (reason: HoldfastError) => void;
  /** called as each step begins */
  readonly onStep: (step: string) => void;
}

/** A snapshot, held: `directory` carries the live lock. */
export interface Taken {
  readonly directory: Directory;
  /** its name in the store */
  readonly id: string;
  readonly record: SnapshotRecord;
  readonly reused: boolean;
  readonly wiped: readonly string[];
}

/** How often to look at an upgrade that gives no hint of its end, ms. */
const LOOK_MS = 250;

/**
 * Takes the snapshot. The store's lock is free again when it returns or throws.
 * @throws HoldfastError `GATE` after `settleMs` of disagreement, `ROOT_MISMATCH`, `BAD_SOURCE`, `PLACEMENT`,
 *   `STORE_REFUSED`, `NOEXEC` where the store cannot hold programs, `SYSTEM`
 */
export async function takeSnapshot(request: TakeRequest): Promise<Taken> {
  const deadline = performance.now() + request.settleMs;
  let said = false;
  for (;;) {
    const outcome = await attempt(request);
    if (!('unsettled' in outcome)) return outcome;
    const left = deadline - performance.now();
    if (left <= 0) throw outcome.unsettled;
    if (!said) request.onSettling(outcome.unsettled);
    said = true;
    request.onStep('settle');
    await sleep(Math.min(left, outcome.retryInMs ?? LOOK_MS));
  }
}

/** Steps 1 to 10, once. */
async function attempt(request: TakeRequest): Promise<Taken | Unsettled> {
  const { store, onStep } = request;
  const lock = new HeldLock(request);
  await lock.take();
  try {
    onStep('wipe-staging');
    const wiped = wipeStaging(store);
    onStep('prove');
    const proven = findProven(request);
    if (proven !== undefined) return keep(request, proven, true, wiped);

    onStep('inspect');
    checkExecutable(store);
    const listing = request.inspect();
    if ('unsettled' in listing) return listing;
    onStep('prove-by-hash');
    const found = await findByHash(request, listing);
    if (found === undefined) return await build(request, lock, listing, wiped);
    const gated = await passGate(request, lock, found, listing);
    return 'unsettled' in gated ? gated : keep(request, gated, true, wiped);
  } catch (error) {
    if (!isPassing(error)) throw error;
    return { unsettled: asGateError(error) };
  } finally {
    lock.release();
  }
}

/** The store's lock: given up while programs are asked, so that no wait of ours is another launch's. */
class HeldLock {
  readonly #request: TakeRequest;
  #lock: StoreLock | undefined;

  constructor(request: TakeRequest) {
    this.#request = request;
  }

  async take(): Promise<void> {
    this.#request.onStep('lock');
    this.#lock = await lockStore(this.#request.store, this.#request.onLockWait);
  }

  release(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }
}

/** A snapshot that agrees with the installation; its directory carries our live lock. */
interface Found {
  readonly directory: Directory;
  readonly id: string;
  readonly record: SnapshotRecord;
}

/** Step 3. */
function findProven(request: TakeRequest): Found | undefined {
  return findFirst(request, (directory, id) => {
    const record = readRecord(directory);
    if (record === undefined || (request.gate && record.answers === null)) return undefined;
    return isProven(directory, record, request) ? { directory, id, record } : undefined;
  });
}

/** The first snapshot of the store that the test accepts, locked as live; the others are closed again. */
function findFirst(
  request: TakeRequest,
  test: (directory: Directory, id: string) => Found | undefined,
): Found | undefined {
  for (const id of listStore(request.store).snapshots) {
    const directory = request.store.enter(id);
    let found: Found | undefined;
    try {
      found = test(directory, id);
      if (found !== undefined && tryLock(directory.fd, 'shared')) return found;
      found = undefined; // held exclusively, and not by one of us: somebody else is about to remove it
    } finally {
      if (found === undefined) directory.close();
    }
  }
  return undefined;
}

/** Step 5. */
async function findByHash(request: TakeRequest, listing: Listing): Promise<Found | undefined> {
  for (const id of listStore(request.store).snapshots) {
    const directory = request.store.enter(id);
    let kept = false;
    try {
      const old = readRecord(directory);
      const proof = await proveByHash(directory, old, listing.files, request);
      if (proof === undefined || directoriesMoved(listing.directories)) continue;
      if (!id.startsWith(snapshotId(proof.manifest.root)) || !tryLock(directory.fd, 'shared')) continue;
      const record = makeRecord({
        ...recordOf(request, listing, proof.manifest),
        placedDirectories: proof.placedDirectories,
        files: proof.files,
        answers: old !== undefined && old.root === proof.manifest.root ? old.answers : null,
      });
      writeRecord(directory, record);
      kept = true;
      return { directory, id, record };
    } finally {
      if (!kept) directory.close();
    }
  }
  return undefined;
}

/** A snapshot of which nobody knows what its programs say is asked before it is used. */
async function passGate(
  request: TakeRequest,
  lock: HeldLock,
  found: Found,
  listing: Listing,
): Promise<Found | Unsettled> {
  if (!request.gate || found.record.answers !== null) return found;
  let passed = false;
  try {
    lock.release();
    request.onStep('ask-versions');
    const versions = await request.askVersions(found.directory.at(), listing);
    if ('unsettled' in versions) return versions;
    await lock.take();
    const record = makeRecord({ ...found.record, answers: versions.answers });
    writeRecord(found.directory, record);
    passed = true;
    return { ...found, record };
  } finally {
    if (!passed) found.directory.close();
  }
}

/** Steps 8 and 10 for a snapshot that is there. */
function keep(request: TakeRequest, found: Found, reused: boolean, wiped: readonly string[]): Taken {
  const { store, onStep } = request;
  try {
    checkRoot(request, found.record.root);
    checkProgram(store, found);
    onStep('wipe');
    const more = reused ? wipeSnapshots(store, found.id) : [];
    onStep('publish');
    setCurrent(store, found.id, { pid: request.pid, random: randomBytes(4) });
    return { ...found, reused, wiped: [...wiped, ...more] };
  } catch (error) {
    found.directory.close();
    throw error;
  }
}

/** Steps 6 to 10. */
async function build(
  request: TakeRequest,
  lock: HeldLock,
  listing: Listing,
  wiped: readonly string[],
): Promise<Taken | Unsettled> {
  const { store, onStep } = request;
  const name = stagingName(request.pid, randomBytes(4));
  let staged: Staged | undefined;
  let published: string | undefined;
  try {
    onStep('stage');
    staged = await stage(store, name, listing.files, request.method, request.owner);
    lock.release();
    onStep('ask-versions');
    const versions = await request.askVersions(staged.directory.at(), listing);
    if ('unsettled' in versions) return versions;
    const entries = staged.files.map(file => file.entry);
    const manifest = makeManifest(versions.version, entries, sha256);
    checkRoot(request, manifest.root);
    await lock.take();
    // another launch may have been faster while programs were asked
    const faster = findProven(request) ?? (await findByHash(request, listing));
    if (faster !== undefined) return keep(request, faster, true, wiped);

    onStep('wipe');
    const more = wipeSnapshots(store, undefined);
    onStep('record');
    const files = recordFiles(staged.directory, await lookAgain(staged.files, listing.directories));
    const record = makeRecord({
      ...recordOf(request, listing, manifest),
      placedDirectories: placedDirectoriesOf(
        staged.directory,
        entries.map(entry => entry.path),
      ),
      files,
      answers: versions.answers,
    });
    writeRecord(staged.directory, record);
    writeNew(staged.directory, SHA256SUMS_NAME, formatSha256sums(manifest.files));
    writeNew(staged.directory, MANIFEST_NAME, formatManifest(manifest));
    onStep('publish');
    published = publish(store, name, snapshotId(manifest.root));
    const directory = staged.directory.movedTo(store.show(published));
    return keep(request, { directory, id: published, record }, false, [...wiped, ...more]);
  } finally {
    if (published === undefined) {
      staged?.directory.close();
      removeTree(store, name); // our own, whoever holds the store's lock: nobody else enters a locked staging directory
    }
  }
}

/** What a record says whichever way the snapshot came about. */
function recordOf(request: TakeRequest, listing: Listing, manifest: Manifest) {
  return {
    bootId: request.bootId,
    root: manifest.root,
    version: manifest.version,
    lightningd: request.lightningd,
    program: listing.program,
    directories: listing.directories.map(({ path, stat }) => ({ path, is: directoryIdentityOf(stat) })),
  };
}

function recordFiles(snapshot: Directory, files: readonly StagedFile[]): RecordedFile[] {
  return files.map(({ entry, source, placement, sourceIs, racy }) => {
    const placed = snapshot.lstat(entry.path);
    return {
      path: entry.path,
      sha256: entry.sha256,
      placement,
      source,
      sourceIs: racy ? '' : sourceIs,
      placedIs: placed === undefined ? '' : identityOf(placed),
    };
  });
}

/** Gives the snapshot the first name that is free: a damaged live one may hold `<id>`. */
function publish(store: Directory, staging: string, id: string): string {
  for (let n = 0; ; n++) {
    const name = n === 0 ? id : `${id}.${n}`;
    if (store.lstat(name) !== undefined) continue;
    store.attempt('rename the staging directory to', name, path => renameSync(store.at(staging), path));
    return name;
  }
}

function writeNew(snapshot: Directory, name: string, text: string): void {
  snapshot.attempt('write', name, path => {
    writeFileSync(path, text, { flag: 'wx', mode: 0o644 });
    chmodSync(path, 0o644); // whatever the umask
  });
}

/** @throws HoldfastError `NOEXEC` where the store's file system executes nothing */
function checkExecutable(store: Directory): void {
  if (canExecute(store.at())) return;
  throw new HoldfastError('NOEXEC', `no program can be executed below ${quote(store.path)}`, {
    path: store.path,
    hint: ['holdfast noexec-check says why, and what to do', 'or use a store elsewhere: --snapshot-dir=DIR'],
  });
}

/** lightningd itself asks access(X_OK) of its own path (lightningd.c, find_my_abspath). */
function checkProgram(store: Directory, found: Found): void {
  const { program } = found.record;
  try {
    accessSync(found.directory.at(program), constants.X_OK);
  } catch (error) {
    if (errnoOf(error) === 'EACCES') checkExecutable(store);
    throw systemError('execute', found.directory.show(program), error);
  }
}

function checkRoot(request: TakeRequest, root: string): void {
  if (request.expectRoot === undefined || request.expectRoot === root) return;
  throw new HoldfastError(
    'ROOT_MISMATCH',
    `the root of ${quote(request.lightningd)} is ${root}, not the expected ${request.expectRoot}`,
    {
      path: request.lightningd,
      hint: 'what is installed is not what was pinned: find out why before you start it',
    },
  );
}

/** Does this error mean that somebody is replacing files just now? */
function isPassing(error: unknown): error is HoldfastError {
  return (
    error instanceof HoldfastError &&
    ((error.code === 'BAD_SOURCE' && (error.errno === 'ESTALE' || error.errno === 'ENOENT')) ||
      error.code === 'NOT_AN_INSTALLATION')
  );
}

/** After the settling time such an error is final, and says what it is: an upgrade that does not end. */
function asGateError(error: HoldfastError): HoldfastError {
  return error.code === 'NOT_AN_INSTALLATION' || error.errno === 'ENOENT'
    ? error
    : new HoldfastError('GATE', error.message, {
        path: error.path,
        cause: error,
        hint: 'wait until the upgrade is complete, then try again',
      });
}
