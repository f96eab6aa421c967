/**
 * Finds the snapshot that is what is installed now, if the store has it. What is found is locked as live and held
 * open; the others are closed again. Call it with the store's lock held.
 */
import { HoldfastError, quote } from '../errors.ts';
import type { Directory } from '../linux/directory.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { snapshotId } from './layout.ts';
import { directoriesMoved, isProven, proveByHash } from './prove.ts';
import { directoryIdentityOf, makeRecord, readRecord, writeRecord } from './record.ts';
import type { Found, HeldLock, Listing, TakeRequest, Unsettled } from './request.ts';
import { listStore } from './store.ts';

/** Step 3: by its record alone. */
export function findProven(request: TakeRequest): Found | undefined {
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
      if (found !== undefined && directory.tryLock('shared')) return found;
      found = undefined; // held exclusively, and not by one of us: somebody else is about to remove it
    } finally {
      if (found === undefined) directory.close();
    }
  }
  return undefined;
}

/** Step 5: what is in doubt is read. The record is written anew. */
export async function findByHash(request: TakeRequest, listing: Listing): Promise<Found | undefined> {
  for (const id of listStore(request.store).snapshots) {
    const directory = request.store.enter(id);
    let kept = false;
    try {
      const old = readRecord(directory);
      const proof = await proveByHash(directory, old, listing.files, request);
      if (proof === undefined || directoriesMoved(listing.directories)) continue;
      if (!id.startsWith(snapshotId(proof.manifest.root)) || !directory.tryLock('shared')) continue;
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
export async function passGate(
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
    const versions = await request.askVersions(found.directory.path, listing);
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

/** What a record says whichever way the snapshot came about. */
export function recordOf(request: TakeRequest, listing: Listing, manifest: Manifest) {
  return {
    bootId: request.bootId,
    root: manifest.root,
    version: manifest.version,
    lightningd: request.lightningd,
    program: listing.program,
    directories: listing.directories.map(({ path, stat }) => ({ path, is: directoryIdentityOf(stat) })),
  };
}

/** @throws HoldfastError `ROOT_MISMATCH` */
export function checkRoot(request: TakeRequest, root: string): void {
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
