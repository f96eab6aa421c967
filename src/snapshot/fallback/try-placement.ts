/**
 * Would a hard link, would a reflink from the installation work in this directory? Tried with one real file, by the
 * code that places files, in a staging directory which is removed again; it is locked meanwhile, as a build's is, so
 * that no launch wipes it. link(2) and unlink(2) move the ctime of the file that is tried: the next launch reads that
 * one file again.
 */

import { type BigIntStats, closeSync } from 'node:fs';
import { HoldfastError } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { tryLock } from '../../linux/files/flock.ts';
import { fileMode } from '../../manifest/entry.ts';
import { ownersAbove } from '../place/linkable.ts';
import { placeFile } from '../place/place.ts';
import { stagingName } from '../store/layout.ts';
import { removeTree } from '../store/remove-tree.ts';

/** What came of one method: null where it could not be tried. */
export interface MethodTrial {
  readonly works: boolean | null;
  /** null where it works */
  readonly reason: string | null;
}

/** Both methods that share blocks with the installation. */
export interface PlacementTrial {
  readonly hardlink: MethodTrial;
  readonly reflink: MethodTrial;
}

/** A file of the installation. */
export interface SampleFile {
  readonly source: string;
  readonly stat: BigIntStats;
}

/**
 * Tries both methods.
 * @param owner the user that the store would belong to, where there is none yet
 * @throws HoldfastError `SYSTEM` where the probe cannot be removed again
 */
export function tryPlacement(directory: Directory, sample: SampleFile, owner: bigint): PlacementTrial {
  const name = stagingName(process.pid);
  const trial = tryIn(name, directory, sample, owner);
  const left = removeTree(directory, name);
  if (left !== undefined) throw left;
  return trial;
}

function tryIn(name: string, directory: Directory, sample: SampleFile, owner: bigint): PlacementTrial {
  let staging: Directory | undefined;
  try {
    directory.make(name);
    staging = directory.enter(name);
    tryLock(staging.fd, 'shared');
    return {
      hardlink: tryMethod(staging, sample, 'hardlink', owner),
      reflink: tryMethod(staging, sample, 'reflink', owner),
    };
  } catch (error) {
    const untried = notTried(error);
    return { hardlink: untried, reflink: untried };
  } finally {
    staging?.close();
  }
}

function tryMethod(
  staging: Directory,
  { source, stat }: SampleFile,
  method: 'hardlink' | 'reflink',
  owner: bigint,
): MethodTrial {
  try {
    const owners = { store: owner, parent: ownersAbove(staging).store };
    const file = { path: method, source, stat, mode: fileMode(stat) };
    const placed = placeFile(staging, file, method, owners);
    if (placed.placement === 'copy') {
      closeSync(placed.from);
      closeSync(placed.to);
    }
    return { works: true, reason: null };
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'PLACEMENT') {
      return { works: false, reason: error.message };
    }
    return notTried(error);
  }
}

function notTried(error: unknown): MethodTrial {
  if (!(error instanceof Error)) throw error;
  return { works: null, reason: error.message };
}
