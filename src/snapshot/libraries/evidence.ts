/**
 * What the loader's answer rested on, to be recorded: as long as none of it has moved, the same libraries would be found
 * again, and the loader need not be asked. Only looks, by one call for each.
 */
import { readlinkSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { directoryIdentity, fileIdentity } from '../store/identity.ts';
import type { LinkWalk } from './links.ts';

/** What it rested on. */
export interface LibraryEvidence {
  /** the caller's LD_LIBRARY_PATH; '' for none */
  readonly libraryPath: string;
  /** the identity of the loader's cache, ldconfig(8); '' where there is none */
  readonly cacheIs: string;
  /** the symbolic links on the way to the libraries */
  readonly links: readonly { readonly path: string; readonly to: string }[];
  /** the directories that LD_LIBRARY_PATH, DT_RPATH and DT_RUNPATH name; '' for one that is not there */
  readonly directories: readonly { readonly path: string; readonly is: string }[];
}

const CACHE = '/etc/ld.so.cache';

/** Programs that were asked for, and the directories that they name. */
interface Asked {
  readonly dynamic: { readonly rpath: readonly string[]; readonly runpath: readonly string[] };
  readonly programs: readonly { readonly source: string }[];
}

/** Notes it. @param walk has met all links that lead to the libraries */
export function noteEvidence(
  libraryPath: string | undefined,
  asked: readonly Asked[],
  walk: LinkWalk,
): LibraryEvidence {
  const directories = new Set(splitPath(libraryPath ?? ''));
  for (const { dynamic, programs } of asked) {
    const origin = dirname(programs[0]?.source ?? '/');
    for (const path of [...dynamic.rpath, ...dynamic.runpath]) {
      const expanded = path.replace(/^\$(ORIGIN|\{ORIGIN\})/, () => origin);
      if (isAbsolute(expanded) && !expanded.includes('$')) directories.add(expanded);
    }
  }
  return {
    libraryPath: libraryPath ?? '',
    cacheIs: fileIdentity(CACHE) ?? '',
    links: walk.links,
    directories: [...directories].map(path => ({ path, is: directoryIdentity(path) ?? '' })),
  };
}

/** Is it still so, for a caller with this LD_LIBRARY_PATH? */
export function isStillSo(evidence: LibraryEvidence, libraryPath: string | undefined): boolean {
  return (
    evidence.libraryPath === (libraryPath ?? '') &&
    evidence.cacheIs === (fileIdentity(CACHE) ?? '') &&
    evidence.directories.every(({ path, is }) => is === (directoryIdentity(path) ?? '')) &&
    evidence.links.every(({ path, to }) => to === targetOf(path))
  );
}

function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // gone, no link any more, or closed to us: the loader is asked then
  }
}

/** ld.so(8): colons or semicolons; an empty item is the working directory. */
function splitPath(libraryPath: string): string[] {
  return libraryPath === '' ? [] : libraryPath.split(/[:;]/).map(item => (item === '' ? '.' : item));
}
