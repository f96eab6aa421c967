/**
 * Builds a snapshot and publishes it: steps 6 to 10 of take.ts. On every way out but success the staging directory
 * is removed again.
 */

import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { HoldfastError, quote } from '../../errors.ts';
import type { Directory } from '../../linux/directory.ts';
import { formatManifest, makeManifest } from '../../manifest/manifest.ts';
import { formatSha256sums } from '../../manifest/sha256sums.ts';
import { sha256 } from '../hash/digest.ts';
import { identityOf } from '../store/identity.ts';
import { MANIFEST_NAME, SHA256SUMS_NAME, snapshotId, stagingName } from '../store/layout.ts';
import { makeRecord, type RecordedFile, writeRecord } from '../store/record.ts';
import { removeTree } from '../store/remove-tree.ts';
import { listStore } from '../store/store.ts';
import { wipe } from '../store/wipe.ts';
import { findByHash, recordOf } from './by-hash.ts';
import { checkRoot, findProven } from './by-record.ts';
import { placedDirectoriesOf } from './compare-content.ts';
import { checkDumpable, type Pin, Pins } from './pin.ts';
import type { Found, HeldLock, Listing, TakeRequest, Unsettled, Versions } from './request.ts';
import { lookAgain, type Staged, type StagedFile, stage } from './stage.ts';

/** What came of it: a new snapshot, or one that another launch built meanwhile. */
export interface Built extends Found {
  readonly reused: boolean;
  readonly wiped: readonly string[];
  readonly pins?: readonly Pin[];
}

/** Builds and publishes. The lock is held again when it returns, and free while programs are asked. */
export async function build(
  request: TakeRequest,
  lock: HeldLock,
  listing: Listing,
): Promise<Built | Unsettled> {
  const { store, onStep } = request;
  const name = stagingName(request.pid);
  const { pinning } = request;
  const pins = pinning === undefined ? undefined : new Pins(pinning, listing.program, request.owner);
  let staged: Staged | undefined;
  let asking: Promise<Versions | Unsettled> | undefined;
  let published: string | undefined;
  try {
    onStep('stage');
    const onPlaced = (path: string): void => {
      asking = request.askVersions(path, listing);
      asking.catch(() => undefined); // it is awaited below, or not at all when staging itself fails
    };
    staged = await stage(store, name, listing.files, request.method, request.owner, onPlaced, pins);
    if (pins !== undefined) checkDumpable(staged.directory, listing.program);
    lock.release();
    onStep('ask-versions');
    const versions = await (asking ?? request.askVersions(staged.directory.path, listing));
    if ('unsettled' in versions) return versions;
    const entries = staged.files.map(file => file.entry);
    const manifest = makeManifest(versions.version, entries, sha256);
    checkRoot(request, manifest.root);
    await lock.take();
    const { snapshots } = listStore(store);
    // another launch may have been faster while programs were asked
    const faster = findProven(request, snapshots) ?? (await findByHash(request, listing));
    if (faster !== undefined) return { ...faster, reused: true, wiped: [] };

    onStep('wipe');
    const wiped = await wipe(store, snapshots);
    onStep('record');
    const settled = await lookAgain(staged.files, listing.directories);
    request.letGo?.();
    const files = recordFiles(staged.directory, settled);
    writeNew(staged.directory, SHA256SUMS_NAME, formatSha256sums(manifest.files));
    writeNew(staged.directory, MANIFEST_NAME, formatManifest(manifest));
    const record = makeRecord({
      ...recordOf(request, listing, manifest, staged.directory),
      ...(pinning === undefined
        ? {}
        : { pinnedBy: { pid: pinning.pid, startTicks: `${pinning.startTicks}` } }),
      placedDirectories: placedDirectoriesOf(
        staged.directory,
        entries.map(entry => entry.path),
      ),
      files,
      answers: versions.answers,
    });
    writeRecord(staged.directory, record);
    onStep('publish');
    published = publish(store, name, staged.directory, snapshotId(manifest.root));
    const directory = staged.directory.movedTo(store.show(published));
    return { directory, id: published, record, reused: false, wiped, ...(pins && { pins: pins.held }) };
  } finally {
    if (published === undefined) {
      await asking?.catch(() => undefined); // what still runs in there would be in the way
      staged?.directory.close();
      pins?.close();
      removeTree(store, name); // our own, whoever holds the store's lock: nobody else enters a locked staging directory
    }
  }
}

function recordFiles(snapshot: Directory, files: readonly StagedFile[]): RecordedFile[] {
  return files.map(({ entry, source, placement, sourceIs, racy }) => {
    return {
      path: entry.path,
      sha256: entry.sha256,
      placement,
      source,
      sourceIs: racy ? '' : sourceIs,
      placedIs: placement === 'pin' ? pinnedIs(sourceIs, racy) : placedIs(snapshot, entry.path),
    };
  });
}

function placedIs(snapshot: Directory, path: string): string {
  const placed = snapshot.lstat(path);
  return placed === undefined ? '' : identityOf(placed);
}

/** A pinned file is its own source; a racy one is named by device and inode, and not believed. */
function pinnedIs(sourceIs: string, racy: boolean): string {
  return racy ? `${sourceIs.split(':', 2).join(':')}:` : sourceIs;
}

/**
 * Gives the snapshot the first name that is free: a damaged live one may hold `<id>`. What somebody has put in the
 * staging directory's place meanwhile gets it only until it is looked at.
 */
function publish(store: Directory, staging: string, built: Directory, id: string): string {
  for (let n = 0; ; n++) {
    const name = n === 0 ? id : `${id}.${n}`;
    if (store.lstat(name) !== undefined) continue;
    store.attempt('rename the staging directory to', name, path => renameSync(store.at(staging), path));
    const [renamed, ours] = [store.lstat(name), built.stat()];
    if (renamed?.ino === ours.ino && renamed.dev === ours.dev) return name;
    if (renamed !== undefined) store.attempt('rename', name, path => renameSync(path, store.at(staging)));
    const path = store.show(staging);
    throw new HoldfastError(
      'STORE_REFUSED',
      `${quote(path)} was replaced while the snapshot was built in it`,
      { path },
    );
  }
}

function writeNew(snapshot: Directory, name: string, text: string): void {
  snapshot.attempt('write', name, path => {
    writeFileSync(path, text, { flag: 'wx', mode: 0o644 });
    chmodSync(path, 0o644); // whatever the umask
  });
}
