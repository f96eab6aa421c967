/**
 * Finds the snapshot that is what is installed now by reading what its record leaves in doubt. What is found is locked
 * as live and held open. Call it with the store's lock held.
 */

import type { Directory } from '../../linux/directory.ts';
import type { Manifest } from '../../manifest/manifest.ts';
import { directoryIdentityOf, fileIdentity } from '../store/identity.ts';
import { MANIFEST_NAME, SHA256SUMS_NAME, snapshotId } from '../store/layout.ts';
import { makeRecord, readRecord, writeRecord } from '../store/record.ts';
import { listStore } from '../store/store.ts';
import { directoriesMoved, proveByHash } from './compare-content.ts';
import type { Found, HeldLock, Listing, TakeRequest, Unsettled } from './request.ts';

/** Step 5: what is in doubt is read. The record is written anew. */
export async function findByHash(request: TakeRequest, listing: Listing): Promise<Found | undefined> {
  for (const id of listStore(request.store).snapshots) {
    const directory = request.store.enter(id);
    let kept = false;
    try {
      const old = readRecord(directory);
      if (old === undefined) continue; // nobody else says that the manifest's version, which no root binds, is right
      const proof = await proveByHash(directory, old, listing.files, request);
      if (proof === undefined || directoriesMoved(listing.directories)) continue;
      if (proof.manifest.version !== old.version) continue;
      if (!id.startsWith(snapshotId(proof.manifest.root)) || !directory.tryLock('shared')) continue;
      const record = makeRecord({
        ...recordOf(request, listing, proof.manifest, directory),
        placedDirectories: proof.placedDirectories,
        files: proof.files,
        answers: old.root === proof.manifest.root ? old.answers : null,
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
export function recordOf(request: TakeRequest, listing: Listing, manifest: Manifest, snapshot: Directory) {
  return {
    bootId: request.bootId,
    root: manifest.root,
    version: manifest.version,
    lightningd: request.lightningd,
    ...(request.archiveIs === undefined ? {} : { archiveIs: request.archiveIs }),
    program: listing.program,
    manifestIs: fileIdentity(snapshot.at(MANIFEST_NAME)) ?? '',
    sumsIs: fileIdentity(snapshot.at(SHA256SUMS_NAME)) ?? '',
    directories: listing.directories.map(({ path, stat }) => ({ path, is: directoryIdentityOf(stat) })),
  };
}
