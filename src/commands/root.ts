/**
 * `holdfast root PATH`: the Merkle root of an installation, a snapshot, a manifest or a release archive. Only reads; an
 * archive is unpacked to a temporary directory, which is gone on every way out.
 */

import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isArchive } from '../archive/open.ts';
import { errnoOf, HoldfastError, quote, systemError } from '../errors.ts';
import { listContents } from '../lightning/installation/contents.ts';
import { findInstallation } from '../lightning/installation/installation.ts';
import { fileMode } from '../manifest/entry.ts';
import { type Manifest, makeManifest } from '../manifest/manifest.ts';
import { sha256 } from '../snapshot/hash/digest.ts';
import { hashFiles } from '../snapshot/hash/hash.ts';
import { MANIFEST_NAME } from '../snapshot/store/layout.ts';
import { readManifest } from '../snapshot/store/read-manifest.ts';
import type { Listing } from '../snapshot/take/source.ts';
import type { Context } from './context.ts';

/** The shape of `root --json`. */
export interface RootResult {
  readonly path: string;
  /** what was found there */
  readonly kind: 'manifest' | 'snapshot' | 'installation' | 'archive';
  readonly root: string;
  readonly files: number;
}

/** Where lightningd may lie below what an operator calls his installation. */
const LIGHTNINGD_BELOW = ['bin/lightningd', 'usr/bin/lightningd', 'lightningd/lightningd', 'lightningd'];

/**
 * The root of what `path` names: a manifest.json, a snapshot (a directory with one), or an installation (its
 * lightningd, its prefix, or its build tree), whose files are hashed, or a release archive of one.
 * @throws HoldfastError `ARCHIVE`, `NOT_AN_INSTALLATION`, `MANIFEST_INVALID`, `UNREADABLE`, `BAD_SOURCE`
 */
export async function root(path: string, context: Context): Promise<RootResult> {
  if (isDirectory(path)) {
    const manifest = manifestAt(join(path, MANIFEST_NAME));
    if (manifest !== undefined) return fromManifest(path, 'snapshot', manifest);
    return fromInstallation(path, lightningdBelow(path));
  }
  if (path.endsWith('.json')) {
    const manifest = manifestAt(path);
    if (manifest !== undefined) return fromManifest(path, 'manifest', manifest);
  }
  return isArchive(path) ? fromArchive(path, context) : fromInstallation(path, path);
}

function fromManifest(path: string, kind: 'manifest' | 'snapshot', manifest: Manifest): RootResult {
  return { path, kind, root: manifest.root, files: manifest.files.length };
}

async function fromInstallation(path: string, lightningd: string): Promise<RootResult> {
  return { path, kind: 'installation', ...(await rootOf(listContents(findInstallation(lightningd)))) };
}

async function fromArchive(path: string, context: Context): Promise<RootResult> {
  const { withUnpacked } = await import('./take/unpacked.ts');
  const found = await withUnpacked(path, context, rootOf);
  return { path, kind: 'archive', ...found };
}

async function rootOf({ files }: Pick<Listing, 'files'>): Promise<{ root: string; files: number }> {
  const hashes = await hashFiles(
    files.map(({ source, stat }) => ({ path: source, size: Number(stat.size) })),
  );
  const entries = files.map((file, index) => ({
    path: file.path,
    mode: fileMode(file.stat),
    ...hashes[index]!, // one for each file
  }));
  const { root } = makeManifest('unknown', entries, sha256); // the root says nothing of the version
  return { root, files: files.length };
}

function lightningdBelow(directory: string): string {
  for (const below of LIGHTNINGD_BELOW) {
    const path = join(directory, below);
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return realpathSync(path);
  }
  throw new HoldfastError(
    'NOT_AN_INSTALLATION',
    `${quote(directory)} is neither a snapshot nor an installation`,
    {
      path: directory,
      hint: `looked for ${MANIFEST_NAME} and for ${LIGHTNINGD_BELOW.join(', ')} in it`,
    },
  );
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw systemError('look at', path, error);
  }
}

/** Undefined where there is none. @throws HoldfastError, see readManifest */
function manifestAt(path: string): Manifest | undefined {
  try {
    return readManifest(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
