/**
 * What the loader's answer rested on, to be recorded: as long as none of it has moved, the same libraries would be found
 * again, and the loader need not be asked. Only looks, by one call for each.
 */
import { type BigIntStats, lstatSync, readlinkSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { nowNs, sleep } from '../../linux/time.ts';
import type { Settling } from '../record/boot.ts';
import { agrees, directoryIdentity, fileIdentity, isRacy, TICK_NS } from '../record/identity.ts';
import type { LibraryEvidence } from '../record/record.ts';

const CACHE = '/etc/ld.so.cache';

/** Programs that were asked for, and the directories that they name. */
interface Asked {
  readonly dynamic: { readonly rpath: readonly string[]; readonly runpath: readonly string[] };
  readonly programs: readonly { readonly source: string }[];
}

/**
 * Notes what does not depend on the answer, before the loader is asked. What was changed in this tick of the clock is
 * waited for, since a change that follows in it would not show.
 */
export async function noteEvidence(
  libraryPath: string | undefined,
  asked: readonly Asked[],
): Promise<Omit<LibraryEvidence, 'links'>> {
  const paths = [CACHE, ...directoriesOf(libraryPath, asked)];
  const isYoung = (path: string) => {
    const stat = statOf(path);
    return stat !== undefined && isRacy(stat, nowNs());
  };
  if (paths.some(isYoung)) await sleep(Number(TICK_NS / 1_000_000n) + 1);
  return {
    libraryPath: libraryPath ?? '',
    cacheIs: fileIdentity(CACHE) ?? '',
    directories: paths.slice(1).map(path => ({ path, is: directoryIdentity(path) ?? '' })),
  };
}

function directoriesOf(libraryPath: string | undefined, asked: readonly Asked[]): Set<string> {
  const directories = new Set(splitPath(libraryPath ?? ''));
  for (const { dynamic, programs } of asked) {
    const origin = dirname(programs[0]?.source ?? '/');
    for (const path of [...dynamic.rpath, ...dynamic.runpath]) {
      const expanded = path.replace(/^\$(ORIGIN|\{ORIGIN\})/, () => origin);
      if (isAbsolute(expanded) && !expanded.includes('$')) directories.add(expanded);
    }
  }
  return directories;
}

/** What was asked for in another boot was asked for again now: what has not moved is believed from now on, see boot.ts. */
export function settleEvidence(
  settling: Settling,
  before: LibraryEvidence | undefined,
  now: LibraryEvidence,
): LibraryEvidence {
  const settle = (path: string, was: string | undefined, is: string) => {
    const stat = statOf(path);
    return stat === undefined ? is : settling.identity(was, is, stat, path);
  };
  return {
    ...now,
    cacheIs: settle(CACHE, before?.cacheIs, now.cacheIs),
    directories: now.directories.map(({ path, is }) => {
      const was = before?.directories.find(known => known.path === path)?.is;
      return { path, is: settle(path, was, is) };
    }),
  };
}

/** Is it still so, for a caller with this LD_LIBRARY_PATH? @param sameBoot was it noted in this boot? */
export function isStillSo(
  evidence: LibraryEvidence,
  libraryPath: string | undefined,
  sameBoot: boolean,
): boolean {
  return (
    evidence.libraryPath === (libraryPath ?? '') &&
    isThat(evidence.cacheIs, fileIdentity(CACHE), sameBoot) &&
    evidence.directories.every(({ path, is }) => isThat(is, directoryIdentity(path), sameBoot)) &&
    evidence.links.every(({ path, to }) => to === targetOf(path))
  );
}

/** What was not there is not there. */
function isThat(recorded: string, now: string | undefined, sameBoot: boolean): boolean {
  return recorded === '' ? now === undefined : agrees(recorded, now, sameBoot);
}

function statOf(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // closed to us: it has no identity either
  }
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
