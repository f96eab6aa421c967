/**
 * Libraries that a node has loaded, and in whose place what it starts later gets another file, though its own is still
 * there: a soname's link was switched, or the loader finds another directory first by now. Only looks.
 */
import { type BigIntStats, closeSync, constants, openSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { readDynamic } from '../../linux/loader/dynamic.ts';
import { belongsToLoader } from '../../linux/loader/loader.ts';
import type { FoundLibrary } from '../../snapshot/libraries/find.ts';

/**
 * Those among the mapped files.
 * @param mapped paths of files that are there, as the node sees them
 * @param root what leads there from here
 * @param found what the loader answers now; where it was not asked, or not for a library, the soname beside it counts
 */
export function switchedNow(
  mapped: readonly string[],
  root: string,
  found: readonly Pick<FoundLibrary, 'name' | 'source'>[],
): string[] {
  const loaded = new Map(found.map(({ name, source }) => [name, source]));
  const sonames = new Set(mapped.flatMap(path => neededBy(root + path)));
  return mapped.filter(path => {
    const name = basename(path);
    const soname = [...sonames].find(each => name === each || name.startsWith(`${each}.`));
    if (soname === undefined || belongsToLoader(soname)) return false;
    const next = loaded.get(soname) ?? `${root}${dirname(path)}/${soname}`;
    return isAnother(lookAt(next), lookAt(root + path));
  });
}

/** The names that a program or a library asks for. */
function neededBy(path: string): readonly string[] {
  if (lookAt(path)?.isFile() !== true) return []; // root looks at the nodes of everybody: no device is opened
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    return readDynamic(fd).needed;
  } catch {
    return []; // gone or closed to us: nothing is known of it
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** One that is not there is for the loader to miss. */
function isAnother(one: BigIntStats | undefined, other: BigIntStats | undefined): boolean {
  return one !== undefined && other !== undefined && (one.ino !== other.ino || one.dev !== other.dev);
}

function lookAt(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // closed to us
  }
}
