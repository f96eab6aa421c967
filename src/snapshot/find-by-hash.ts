/**
 * Finds the snapshot that is what is installed now by reading what its record leaves in doubt. What is found is locked
 * as live and held open. Call it with the store's lock held.
 */
import type { Manifest } from '../manifest/manifest.ts';
import { snapshotId } from './layout.ts';
import { directoriesMoved, proveByHash } from './prove-by-hash.ts';
import { directoryIdentityOf, makeRecord, readRecord, writeRecord } from './record.ts';
import type { Found, HeldLock, Listing, TakeRequest, Unsettled } from './request.ts';
import { listStore } from './store.ts';

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
    ...(request.archiveIs === undefined ? {} : { archiveIs: request.archiveIs }),
    program: listing.program,
    directories: listing.directories.map(({ path, stat }) => ({ path, is: directoryIdentityOf(stat) })),
  };
}
