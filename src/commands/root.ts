/**
 * `holdfast root PATH`: the Merkle root of an installation, a snapshot, a manifest or a release archive. Only reads; an
 * archive is unpacked to a temporary directory, which is gone on every way out.
 */

import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isArchive } from '../archive/open.ts';
import { errnoOf, HoldfastError, quote, systemError, visible } from '../errors.ts';
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
    if (manifest !== undefined) return fromManifest(path, 'snapshot', manifest, context);
    return fromInstallation(path, lightningdBelow(path), context);
  }
  if (path.endsWith('.json')) {
    const manifest = manifestAt(path);
    if (manifest !== undefined) return fromManifest(path, 'manifest', manifest, context);
  }
  return isArchive(path) ? fromArchive(path, context) : fromInstallation(path, path, context);
}

function fromManifest(
  path: string,
  kind: 'manifest' | 'snapshot',
  manifest: Manifest,
  context: Context,
): RootResult {
  return { path, kind, ...said(manifest, context) };
}

async function fromInstallation(path: string, lightningd: string, context: Context): Promise<RootResult> {
  const manifest = await hashAll(listContents(findInstallation(lightningd)));
  return { path, kind: 'installation', ...said(manifest, context) };
}

async function fromArchive(path: string, context: Context): Promise<RootResult> {
  const { withUnpacked } = await import('./take/unpacked.ts');
  const manifest = await withUnpacked(path, context, hashAll);
  return { path, kind: 'archive', ...said(manifest, context) };
}

/** The root; with --verbose, the files that it is over as well. */
function said({ root, files }: Manifest, context: Context): { root: string; files: number } {
  for (const { path, mode, sha256: digest } of files) context.detail(`${mode} ${digest}  ${visible(path)}`);
  return { root, files: files.length };
}

async function hashAll({ files }: Pick<Listing, 'files'>): Promise<Manifest> {
  const hashes = await hashFiles(
    files.map(({ source, stat }) => ({ path: source, size: Number(stat.size) })),
  );
  const entries = files.map((file, index) => ({
    path: file.path,
    mode: fileMode(file.stat),
    ...hashes[index]!, // one for each file
  }));
  return makeManifest('unknown', entries, sha256); // the root says nothing of the version
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
