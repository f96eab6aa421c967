/**
 * Where snapshots go when the store is on a file system that executes nothing: candidates in order, and how one is
 * made safe. Below each there is one store for each lightning-dir. Nothing is deleted here, and nothing is made before
 * a candidate has passed every look that needs no making.
 *
 * Never a place whose content goes while a node runs: /run/user/UID goes at logout, /tmp is aged by systemd-tmpfiles
 * (10 days) and emptied at boot, /dev/shm is emptied by systemd-logind when the user's last session ends (RemoveIPC=).
 *
 * /var/tmp is aged as well, after 30 days, and is accepted as the last resort: systemd-tmpfiles(8) takes LOCK_EX on
 * each directory it enters and leaves one alone that somebody holds a flock on, with all that is in it; a running
 * lightningd holds one on its snapshot. What may go is `.lock`, `current` and snapshots that nothing runs from, all
 * of which the next launch makes anew. A node that re-executed itself has lost its lock: from then on only its
 * pages in memory and the daily change of access times (mount(8), relatime) protect it, and it should be restarted.
 */
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize, relative } from 'node:path';
import { HoldfastError, quote } from '../../errors.ts';
import { Directory } from '../../linux/files/directory.ts';
import { isBelow } from '../../linux/files/path.ts';
import { escapePath } from './escape-path.ts';
import { enterOwn, makeOwn, safeRealPath } from './safe-directory.ts';

/** Where a candidate comes from, in the order in which they are tried. */
export const FALLBACK_ORIGINS = [
  '$RUNTIME_DIRECTORY',
  '$CACHE_DIRECTORY',
  '$XDG_CACHE_HOME',
  '~/.cache',
  '/var/lib/holdfast',
  '/var/tmp',
] as const;
export type FallbackOrigin = (typeof FALLBACK_ORIGINS)[number];

/** What the candidates depend on. */
export interface FallbackContext {
  /** the caller's */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** effective user id */
  readonly uid: number;
  /** absolute */
  readonly lightningDir: string;
}

/** A place for a store. Nothing is known of it yet but its name. */
export interface FallbackCandidate {
  readonly origin: FallbackOrigin;
  /** the store itself: `<base>/<own…>` */
  readonly path: string;
  /** what others may share with us */
  readonly base: string;
  /** an ancestor of base, or base, that must be there: what is missing below it is ours to make */
  readonly anchor: string;
  /** directories below base that must be ours alone; the last is the store */
  readonly own: readonly string[];
  readonly uid: number;
}

/** How much of a candidate is there. */
export interface FallbackSite {
  /** its deepest directory that exists, open: close it */
  readonly directory: Directory;
  /** what would have to be made below it; none: the store is there */
  readonly missing: readonly string[];
}

/** The candidates, in order. Of a list of directories (systemd.exec(5), RuntimeDirectory=) the first is taken. */
export function* fallbackStores({
  environment,
  uid,
  lightningDir,
}: FallbackContext): Generator<FallbackCandidate> {
  const name = escapePath(realPathOf(lightningDir));
  const candidate = (
    origin: FallbackOrigin,
    base: string,
    anchor: string,
    top = 'holdfast',
  ): FallbackCandidate => {
    const own = top === '' ? [name] : [top, name];
    return { origin, path: join(base, ...own), base, anchor, own, uid };
  };

  const runtime = absolute(environment.RUNTIME_DIRECTORY?.split(':')[0]);
  if (runtime !== undefined) yield candidate('$RUNTIME_DIRECTORY', runtime, runtime);
  const cache = absolute(environment.CACHE_DIRECTORY?.split(':')[0]);
  if (cache !== undefined) yield candidate('$CACHE_DIRECTORY', cache, cache);
  const xdg = absolute(environment.XDG_CACHE_HOME); // a relative one is to be ignored: XDG Base Directory 0.8
  const home = absolute(environment.HOME);
  if (xdg !== undefined) yield candidate('$XDG_CACHE_HOME', xdg, dirname(xdg));
  else if (home !== undefined) yield candidate('~/.cache', join(home, '.cache'), home);
  yield candidate('/var/lib/holdfast', '/var/lib/holdfast', '/var/lib', '');
  yield candidate('/var/tmp', '/var/tmp', '/var/tmp', `holdfast-${uid}`); // one name for each user: it is everybody's
}

/**
 * Makes the store of a candidate, or takes the one that is there: a directory of our own, 0700, on a path that nobody
 * else can change. Not asked: whether it executes programs and has room.
 * @returns its real path
 * @throws HoldfastError `STORE_REFUSED` where it cannot be made safe, `SYSTEM` where a call fails
 */
export function openFallback(candidate: FallbackCandidate): string {
  const { directory, missing } = lookAtFallback(candidate);
  let current = directory;
  try {
    for (const name of missing) {
      makeOwn(current, name);
      const next = enterOwn(current, name, candidate.uid);
      current.close();
      current = next;
    }
    return current.path;
  } finally {
    current.close();
  }
}

/**
 * Looks how much of a candidate is there, and refuses what is not safe. Makes nothing.
 * @throws HoldfastError as openFallback
 */
export function lookAtFallback(candidate: FallbackCandidate): FallbackSite {
  const { uid } = candidate;
  const existing = deepestExisting(candidate);
  const real = safeRealPath(existing, uid);
  const passing = whyPassing(real);
  if (passing !== undefined) {
    throw new HoldfastError('STORE_REFUSED', `${quote(real)} ${passing}`, { path: real });
  }
  const between = relative(existing, candidate.base).split('/').filter(Boolean);
  let directory = Directory.open(real);
  if (between.length > 0) return { directory, missing: [...between, ...candidate.own] };
  try {
    for (const [index, name] of candidate.own.entries()) {
      if (directory.lstat(name) === undefined) return { directory, missing: candidate.own.slice(index) };
      const next = enterOwn(directory, name, uid);
      directory.close();
      directory = next;
    }
    return { directory, missing: [] };
  } catch (error) {
    directory.close();
    throw error;
  }
}

/** Why what is below this real path does not last as long as a node; undefined where it does. */
export function whyPassing(real: string): string | undefined {
  if (isBelow(real, '/run/user')) return 'is a session directory: it goes when its user logs out';
  if (isBelow(real, '/dev/shm')) return 'is emptied when its user logs out';
  if (isBelow(real, '/tmp')) return 'is cleaned by age, also while a node runs';
  return undefined;
}

function deepestExisting({ base, anchor }: FallbackCandidate): string {
  for (let path = base; isBelow(path, anchor); path = dirname(path)) {
    if (existsSync(path)) return path;
    if (path === '/') break;
  }
  throw new HoldfastError('STORE_REFUSED', `there is no ${quote(anchor)}`, { path: anchor, errno: 'ENOENT' });
}

/** An absolute path without `.`, `..`, and slashes at its end; undefined for anything else. */
function absolute(value: string | undefined): string | undefined {
  if (value === undefined || !isAbsolute(value) || value.includes('\0')) return undefined;
  const path = normalize(value);
  return path === '/' ? path : path.replace(/\/$/, '');
}

/** One name for a lightning-dir, whichever way it is reached; a missing one has the name it will have. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPathOf(parent), basename(path));
  }
}
