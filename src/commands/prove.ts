/** `holdfast prove FILE`: the inclusion proof (RFC 9162, 2.1.3) of one file of a snapshot. Only reads. */
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { HoldfastError, quote, systemError } from '../errors.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { makeProof, type Proof } from '../manifest/proof.ts';
import { sha256 } from '../snapshot/hash/digest.ts';
import { pinAt } from '../snapshot/record/pinned.ts';
import { directoriesWithManifest } from '../snapshot/store/enclosing.ts';
import { findByName } from '../snapshot/store/in-use.ts';
import { CURRENT_NAME, isSnapshotName, MANIFEST_NAME, OUR_FILES } from '../snapshot/store/layout.ts';
import { readManifest } from '../snapshot/store/read-manifest.ts';
import { measure } from './check-proof.ts';
import type { Context } from './context.ts';
import { type NodeOptions, nodeDirectory } from './node-directory.ts';

/**
 * The proof that FILE, as it is now, is an entry of its snapshot. `file` is absolute; links on the way to it are
 * followed (`current` is one), FILE itself must not be one.
 * @throws HoldfastError `DIFFERS` where it is not what the manifest says, or in no entry; `NO_SNAPSHOT` where no
 *   manifest lies above it; `MANIFEST_INVALID`, `SYSTEM`
 */
export async function prove(file: string): Promise<Proof> {
  const { path, kind } = locate(file);
  const { manifest, entryPath, directory } = findManifest(path, file);
  const name = basename(directory);
  if (isSnapshotName(name) && !manifest.root.startsWith(name.slice(0, 16))) {
    throw differs(directory, `has a manifest with another root than its name says: ${manifest.root}`);
  }
  if (kind !== 'file') throw differs(file, `is a ${kind}, and no file of its snapshot`);
  const entry = manifest.files.find(known => known.path === entryPath);
  if (entry === undefined) {
    const reason = OUR_FILES.has(entryPath) ? 'holdfast puts it beside the entries' : 'it was added since';
    throw differs(file, `is no entry of its snapshot's manifest: ${reason}`);
  }
  const found = await measure(path);
  for (const key of ['size', 'sha256', 'mode'] as const) {
    if (found[key] === entry[key]) continue;
    throw differs(file, `is not what the manifest says: ${key} is ${found[key]}, not ${entry[key]}`);
  }
  return makeProof(manifest, entryPath, sha256);
}

/**
 * A file of the snapshot that `current` of a store leads to, absolute. An absolute FILE is that file.
 * @throws HoldfastError `NO_SNAPSHOT`; as nodeDirectory
 */
export function fileInCurrent(word: string, options: NodeOptions, context: Context): string {
  const { store } = nodeDirectory(options, context, 'only --conf');
  const snapshot = findByName(store, CURRENT_NAME);
  if (snapshot !== undefined) return resolve(snapshot, word);
  throw new HoldfastError('NO_SNAPSHOT', `there is no current snapshot in ${quote(store)}`, {
    path: store,
    hint: 'holdfast snapshot makes one; or name a file of another: holdfast prove /path/to/SNAPSHOT/bin/lightningd',
  });
}

function locate(file: string): {
  path: string;
  kind: 'file' | 'directory' | 'symbolic link' | 'special file';
} {
  try {
    const path = join(realpathSync(dirname(file)), basename(file));
    const stat = lstatSync(path);
    if (stat.isFile()) return { path, kind: 'file' };
    if (stat.isSymbolicLink() && isPinned(path)) return { path, kind: 'file' }; // its content decides
    if (stat.isDirectory()) return { path, kind: 'directory' };
    return { path, kind: stat.isSymbolicLink() ? 'symbolic link' : 'special file' };
  } catch (error) {
    throw systemError('look at', file, error);
  }
}

/** @throws HoldfastError `NO_SNAPSHOT` where the process that pinned it has ended */
function isPinned(path: string): boolean {
  const pin = pinAt(path);
  if (pin === undefined || statSync(path, { throwIfNoEntry: false }) !== undefined) return pin !== undefined;
  throw new HoldfastError(
    'NO_SNAPSHOT',
    `${quote(path)} is gone: process ${pin.pid}, which pinned it, has ended`,
    {
      path,
    },
  );
}

interface Above {
  readonly directory: string;
  readonly manifest: Manifest;
  /** the file's path below it */
  readonly entryPath: string;
}

/** The nearest manifest above that is one of ours and has the file; else the nearest that is one of ours. */
function findManifest(path: string, file: string): Above {
  let nearest: Above | undefined;
  let invalid: unknown;
  for (const directory of directoriesWithManifest(path)) {
    try {
      const manifest = readManifest(join(directory, MANIFEST_NAME));
      const found = { directory, manifest, entryPath: relative(directory, path) };
      if (manifest.files.some(entry => entry.path === found.entryPath)) return found;
      nearest ??= found;
    } catch (error) {
      invalid ??= error;
    }
  }
  if (nearest !== undefined) return nearest;
  if (invalid !== undefined) throw invalid;
  throw new HoldfastError('NO_SNAPSHOT', `${quote(file)} lies in no snapshot`, {
    path: file,
    hint: 'name a file of one: holdfast prove ~/.lightning/subdaemons/current/bin/lightningd',
  });
}

function differs(file: string, what: string): HoldfastError {
  return new HoldfastError('DIFFERS', `${quote(file)} ${what}`, {
    path: file,
    hint: 'holdfast verify tells all that differs',
  });
}
