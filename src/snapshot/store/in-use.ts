/**
 * Which snapshots of a store matter now: `current`, and every live one; where the store is a fallback, those of the
 * directory that `current` points into as well. Never writes, and never makes the lock that it takes.
 */

import { closeSync, constants, openSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { errnoOf, HoldfastError, quote, systemError } from '../../errors.ts';
import { Directory } from '../../linux/files/directory.ts';
import { tryLock } from '../../linux/files/flock.ts';
import { readCurrent } from './current.ts';
import { CURRENT_NAME, isSnapshotName, LOCK_NAME } from './layout.ts';
import { isLive } from './liveness.ts';
import { type Patience, patiently } from './lock.ts';

/** What was selected. */
export interface Selection {
  /** absolute, links resolved where they could be; `current` first */
  readonly paths: readonly string[];
  /** `current` leads nowhere: where it points */
  readonly dangling: string | undefined;
}

/**
 * Selects from the store at `path`. A launch that works in a store is waited for.
 * @throws HoldfastError `NO_SNAPSHOT` where there is no store, `LOCKED`, `SYSTEM` where it cannot be entered or listed
 */
export async function selectSnapshots(path: string, patience: Patience): Promise<Selection> {
  const store = enter(path);
  const stores = [path];
  let current: string | undefined;
  let dangling: string | undefined;
  try {
    const target = readCurrent(store);
    if (target !== undefined) {
      if (isAbsolute(target)) stores.push(dirname(target)); // a fallback: see current.ts
      const named = isAbsolute(target) ? target : join(path, target);
      current = resolveLinks(named);
      if (current === undefined) dangling = named;
    }
  } finally {
    store.close();
  }
  const found = new Set(current === undefined ? [] : [current]);
  for (const place of stores) {
    for (const live of await liveSnapshots(place, patience)) found.add(live);
  }
  return { paths: [...found], dangling };
}

/** A snapshot by its name (or `current`) in the store, or in the one that its `current` points into; undefined: there is none. */
export function findByName(storePath: string, name: string): string | undefined {
  const current = resolveLinks(join(storePath, CURRENT_NAME));
  return (
    resolveLinks(join(storePath, name)) ??
    (current === undefined ? undefined : resolveLinks(join(dirname(current), name)))
  );
}

/** The live ones; all, where that cannot be asked: too many are looked at then, never too few. */
async function liveSnapshots(path: string, patience: Patience): Promise<string[]> {
  const store = openStoreOrNone(path);
  if (store === undefined) return [];
  let lock: number | undefined;
  try {
    const names = store.names().filter(isSnapshotName).sort();
    const paths = (chosen: readonly string[]) => chosen.flatMap(name => resolveLinks(join(path, name)) ?? []);
    if (names.length === 0) return [];
    // asking takes each snapshot's lock for a moment, which only the holder of the store's may do (lock.ts)
    lock = await lockToRead(store, patience);
    if (lock === undefined) return paths(names);
    // one that cannot be told of (EACCES, ENOLCK) is looked at, and what cannot be read is said then
    return paths(names.filter(name => isLive(store, name) !== false));
  } finally {
    if (lock !== undefined) closeSync(lock);
    store.close();
  }
}

/** The store's lock by a descriptor that only reads; undefined where there is none or it is closed to us. */
async function lockToRead(store: Directory, patience: Patience): Promise<number | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let fd: number;
  try {
    fd = openSync(store.at(LOCK_NAME), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return undefined; // ENOENT: nobody has worked here; EACCES: another user's; ELOOP: not ours
  }
  try {
    await patiently(store, () => tryLock(fd, 'exclusive') || undefined, patience);
    return fd;
  } catch (error) {
    closeSync(fd);
    if (error instanceof HoldfastError && error.code === 'LOCKED') throw error;
    return undefined; // EBADF, ENOLCK (NFS), UNSUPPORTED: locks cannot be had here
  }
}

function enter(path: string): Directory {
  try {
    return Directory.open(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw new HoldfastError('NO_SNAPSHOT', `there is no store at ${quote(path)}`, {
      path,
      errno: 'ENOENT',
      cause: error,
      hint: ['name a snapshot, or the node: --lightning-dir=DIR', 'holdfast snapshot makes one'],
    });
  }
}

function openStoreOrNone(path: string): Directory | undefined {
  try {
    return Directory.open(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined; // what `current` pointed into is gone
    throw error;
  }
}

function resolveLinks(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw systemError('look at', path, error);
  }
}
