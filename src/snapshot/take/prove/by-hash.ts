/**
 * Finds the snapshot that is what is installed now by reading what its record leaves in doubt. What is found is locked
 * as live and held open. Call it with the store's lock held.
 */

import { lstatSync } from 'node:fs';
import type { Directory } from '../../../linux/files/directory.ts';
import { linksOnTheWay } from '../../../linux/files/links.ts';
import type { Manifest } from '../../../manifest/manifest.ts';
import { libraryPathOf, searchedDirectory } from '../../libraries/searched-directory.ts';
import { Settling } from '../../record/boot.ts';
import { fileIdentity } from '../../record/identity.ts';
import { makeRecord, readRecord, type SnapshotRecord, writeRecord } from '../../record/record.ts';
import { MANIFEST_NAME, SHA256SUMS_NAME, snapshotId } from '../../store/layout.ts';
import { listStore } from '../../store/store.ts';
import type { Listing, Source, Unsettled } from '../source.ts';
import type { Found, Terms } from '../terms.ts';
import type { Work } from '../work.ts';
import { enterOrPass, isOurs } from './by-record.ts';
import { compareContent, directoriesMoved, recordDirectories } from './compare-content.ts';

/** Reads what is in doubt, and writes the record anew. */
export async function findByHash(work: Work): Promise<Found | undefined> {
  const { store, source, terms, listing, warnings } = work;
  for (const id of listStore(store).snapshots) {
    const directory = enterOrPass(store, id);
    if (directory === undefined) continue;
    let kept = false;
    try {
      const old = readRecord(directory);
      if (old === undefined) continue; // nobody else says that the manifest's version, which no root binds, is right
      if (!isOurs(directory, id, old, terms.owner)) continue;
      const proof = await compareContent(directory, old, listing, work.libraries, terms);
      if (proof === undefined || directoriesMoved(listing.directories)) continue;
      if (proof.manifest.version !== old.version) continue;
      if (!id.startsWith(snapshotId(proof.manifest.root)) || !directory.tryLock('shared')) continue;
      const { manifest, ...proven } = proof;
      const record = makeRecord({
        ...recordOf(source, terms, listing, manifest, directory),
        ...proven,
        ...settledArchive(old, source, terms),
        answers: old.root === manifest.root ? old.answers : null,
      });
      writeRecord(directory, record, warnings);
      kept = true;
      return { directory, id, record };
    } finally {
      if (!kept) directory.close();
    }
  }
  return undefined;
}

/** The archive was unpacked and compared just now. */
function settledArchive(
  record: SnapshotRecord,
  { identity, path }: Source,
  { bootId }: Terms,
): Pick<SnapshotRecord, 'archiveIs'> {
  if (identity === undefined) return {};
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return { archiveIs: '' };
  return { archiveIs: new Settling(record, bootId).identity(record.archiveIs, identity, stat, path) };
}

/** A snapshot of which nobody knows what its programs say is asked before it is used. */
export async function passGate(work: Work, found: Found): Promise<Found | Unsettled> {
  if (!work.terms.gate || found.record.answers !== null) return found;
  let passed = false;
  try {
    work.unlock();
    work.observer.step('ask-versions');
    const searched = searchedDirectory(found.record.files, false, found.directory.path);
    const libraryPath = libraryPathOf(searched, work.terms.libraryPath);
    const versions = await work.source.versions(found.directory.path, { ...work.listing, libraryPath });
    if ('unsettled' in versions) return versions;
    await work.lock();
    const record = makeRecord({ ...found.record, answers: versions.answers });
    writeRecord(found.directory, record, work.warnings);
    passed = true;
    return { ...found, record };
  } finally {
    if (!passed) found.directory.close();
  }
}

/** What a record says whichever way the snapshot came about. */
export function recordOf(
  source: Source,
  terms: Terms,
  listing: Listing,
  manifest: Manifest,
  snapshot: Directory,
) {
  return {
    bootId: terms.bootId,
    root: manifest.root,
    version: manifest.version,
    lightningd: source.path,
    ...(source.identity === undefined ? {} : { archiveIs: source.identity }),
    named: source.named,
    links: linksOf(source, listing),
    program: listing.program,
    manifestIs: fileIdentity(snapshot.at(MANIFEST_NAME)) ?? '',
    sumsIs: fileIdentity(snapshot.at(SHA256SUMS_NAME)) ?? '',
    directories: recordDirectories(listing.directories),
  };
}

/** Those on the way from the name that the operator gave, and those of the listing; none of an archive. */
function linksOf({ named, identity }: Source, { links }: Listing): SnapshotRecord['links'] {
  if (identity !== undefined) return [];
  const all = [...linksOnTheWay(named), ...links];
  return [...new Map(all.map(link => [link.path, link])).values()];
}
