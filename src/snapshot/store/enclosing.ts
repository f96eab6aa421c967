/** The snapshot that a path lies in, by the manifests above it. Only looks at names; reads no manifest. */
import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf } from '../../errors.ts';
import { MANIFEST_NAME } from './layout.ts';

/**
 * The directories above an absolute path (links resolved) that hold a manifest.json, the nearest first. There may be
 * several: a plugin may bring a manifest.json of its own.
 */
export function directoriesWithManifest(path: string): string[] {
  const found: string[] = [];
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    if (isFile(join(directory, MANIFEST_NAME))) found.push(directory);
    if (directory === dirname(directory)) return found;
  }
}

function isFile(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch (error) {
    if (errnoOf(error) === 'EACCES' || errnoOf(error) === 'ENOTDIR') return false; // closed to us: it cannot help
    throw error;
  }
}
