/**
 * The steps of take.ts that build a snapshot, in their order there. On every way out but success what was built is
 * removed again (work.ts).
 */
import { chmodSync, writeFileSync } from 'node:fs';
import type { Directory } from '../../linux/files/directory.ts';
import { formatManifest, makeManifest } from '../../manifest/manifest.ts';
import { formatSha256sums } from '../../manifest/sha256sums.ts';
import { sha256 } from '../hash/digest.ts';
import { fileIdentity, identityOf } from '../record/identity.ts';
import { makeRecord, type RecordedFile, writeRecord } from '../record/record.ts';
import { tagStore } from '../store/cachedir-tag.ts';
import { isHeldLibrary, LIBRARIES_NAME, MANIFEST_NAME, SHA256SUMS_NAME } from '../store/layout.ts';
import { listStore } from '../store/store.ts';
import { checkExecutable, checkRoot } from './checks.ts';
import { Draft } from './draft.ts';
import { checkEvidence, formatHeld, placeLibraries } from './held.ts';
import { alteredSince, orAltered } from './prove/altered-since.ts';
import { findByHash, passGate, recordOf } from './prove/by-hash.ts';
import { findProven } from './prove/by-record.ts';

export { askLoader } from './held.ts';

import { libraryPathOf, searchedDirectory } from '../libraries/searched-directory.ts';
import { ownersOf } from '../place/linkable.ts';
import { checkDumpable, Pins } from '../place/pin.ts';
import { lookAgain, type StagedFile } from './look-again.ts';
import { lastingEvidence, originOf } from './prove/held-placed.ts';
import { placedDirectoriesOf } from './prove/placed-tree.ts';
import { refreshRecord } from './refresh-record.ts';
import type { Unsettled } from './source.ts';
import { hashStaged, placeFiles } from './stage.ts';
import type { Work } from './work.ts';

/** Lists the source. */
export async function inspect(work: Work): Promise<Unsettled | undefined> {
  await checkExecutable(work.store);
  const altered = await alteredSince(work);
  const listing = await work.source.list(work.store);
  if ('unsettled' in listing) return orAltered(listing, altered);
  work.listing = listing;
  if (altered !== undefined) work.warnings.push([altered.message, ...altered.hints].join('; '));
  return undefined;
}

/** Finds the snapshot whose content is what was listed. */
export async function proveByHash(work: Work): Promise<Unsettled | undefined> {
  const found = await findByHash(work);
  if (found === undefined) return undefined;
  const gated = await passGate(work, found);
  if ('unsettled' in gated) return gated;
  work.found = gated;
  return undefined;
}

/** Places every file and every library, and hashes them while the programs are asked already. */
export async function stage(work: Work): Promise<undefined> {
  const { store, source, terms, listing } = work;
  const { pinning, owner, method } = terms;
  const pins = pinning === undefined ? undefined : new Pins(pinning, listing.program, owner);
  const draft = new Draft(store, terms.pid, pins);
  work.draft = draft;
  const { directory } = draft;
  const owners = ownersOf(store);
  const placed = [await placeFiles(directory, listing.files, method, owners, pins)];
  const { libraries } = work;
  if (libraries !== undefined) {
    work.warnings.push(...libraries.warnings);
    placed.push(await placeLibraries(draft, libraries, method, owners));
  }
  const searched = searchedDirectory(libraries?.libraries ?? [], pins !== undefined, directory.path);
  const libraryPath = libraryPathOf(searched, terms.libraryPath);
  draft.asking = source.versions(directory.path, { ...listing, libraryPath });
  draft.asking.catch(() => undefined); // it is awaited in the next step, or not at all where this one fails
  draft.files = await hashStaged(directory, placed);
  if (pins !== undefined) checkDumpable(directory, listing.program);
}

/** Hears what the programs say of their versions, without the store's lock. */
export async function askVersions(work: Work): Promise<Unsettled | undefined> {
  const { source, terms, draft } = work;
  if (draft?.asking === undefined) throw new Error('nothing was staged yet');
  work.unlock();
  const versions = await draft.asking;
  if ('unsettled' in versions) return versions;
  work.warnings.push(...(versions.warnings ?? []));
  draft.versions = versions;
  draft.manifest = makeManifest(
    versions.version,
    draft.files.map(({ entry }) => entry).filter(({ path }) => !isHeldLibrary(path)),
    sha256,
  );
  checkRoot(source, terms, draft.manifest.root);
  return undefined;
}

/** Takes the store's lock again; another launch may have been faster while programs were asked. */
export async function lockAgain(work: Work): Promise<undefined> {
  await work.lock();
  const { store, source, terms, draft } = work;
  const faster = findProven(store, listStore(store).snapshots, source, terms) ?? (await findByHash(work));
  if (faster === undefined) return;
  work.found = faster;
  work.draft = undefined;
  await draft?.discard();
  work.found = await refreshRecord(faster, terms.bootId, work.warnings); // removing the draft has moved the ctimes of what it shared
}

/** Looks at the sources again, and writes what says that the snapshot is whole: the manifest, then the record. */
export async function record(work: Work): Promise<undefined> {
  const { source, terms, listing, draft } = work;
  const { manifest, versions, directory } = draft ?? {};
  if (draft === undefined || manifest === undefined || versions === undefined || directory === undefined) {
    throw new Error('nobody was asked yet');
  }
  const settled = await lookAgain(draft.files, listing.directories);
  const { libraries } = work;
  if (libraries !== undefined) checkEvidence(libraries, terms);
  source.release?.();
  const files = recordFiles(directory, settled);
  writeNew(directory, SHA256SUMS_NAME, formatSha256sums(manifest.files));
  if (libraries !== undefined)
    writeNew(directory, LIBRARIES_NAME, formatHeld(libraries, settled, draft.pins !== undefined));
  writeNew(directory, MANIFEST_NAME, formatManifest(manifest));
  const { pinning } = terms;
  draft.record = makeRecord({
    ...recordOf(source, terms, listing, manifest, directory),
    ...(pinning && { pinnedBy: { pid: pinning.pid, startTicks: `${pinning.startTicks}` } }),
    ...(libraries && {
      libraries: {
        is: fileIdentity(directory.at(LIBRARIES_NAME)) ?? '',
        ...lastingEvidence(libraries.evidence),
      },
    }),
    placedDirectories: placedDirectoriesOf(
      directory,
      files.map(({ path }) => path),
    ),
    files,
    answers: versions.answers,
  });
  writeRecord(directory, draft.record, work.warnings);
  tagStore(work.store, work.warnings);
}

function recordFiles(snapshot: Directory, files: readonly StagedFile[]): RecordedFile[] {
  return files.map(({ entry, source, placement, sourceIs, racy }) => {
    return {
      path: entry.path,
      sha256: entry.sha256,
      placement,
      source: originOf({ path: entry.path, source }),
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

function writeNew(snapshot: Directory, name: string, text: string): void {
  snapshot.attempt('write', name, path => {
    writeFileSync(path, text, { flag: 'wx', mode: 0o644 });
    chmodSync(path, 0o644); // whatever the umask
  });
}
