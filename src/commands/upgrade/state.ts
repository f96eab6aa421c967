/** How an installation looks from outside, without reading a file of it: to compare two moments. Only looks. */
import { lstatSync, realpathSync } from 'node:fs';
import { errnoOf } from '../../errors.ts';
import { directoryIdentity, fileIdentity } from '../../snapshot/record/identity.ts';
import type { SnapshotRecord } from '../../snapshot/record/record.ts';

/**
 * Where the name leads, and of each directory and file of the installation what changes with its content. Not the
 * ctime: a link that another node's snapshot makes moves it.
 * @param named lightningd as the operator names it, links not resolved
 */
export function stateOf({ directories, files }: SnapshotRecord, named: string): string {
  const paths = [...directories.map(({ path }) => path), ...files.map(({ source }) => source)];
  return JSON.stringify([realPathOf(named), ...paths.map(lookAt)]);
}

/** Is all that a snapshot was taken from as its record says, and where the operator's name leads? */
export function isAsRecorded({ directories, files, lightningd }: SnapshotRecord, named: string): boolean {
  return (
    realPathOf(named) === lightningd &&
    directories.every(({ path, is }) => is === directoryIdentity(path)) &&
    files.every(({ source, sourceIs }) => sourceIs === '' || sourceIs === fileIdentity(source))
  );
}

function realPathOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    return errnoOf(error) ?? 'unknown';
  }
}

function lookAt(path: string): string {
  try {
    const { dev, ino, size, mtimeNs } = lstatSync(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}`;
  } catch (error) {
    return errnoOf(error) ?? 'unknown';
  }
}
