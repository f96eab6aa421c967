/**
 * Finds out what one directory can hold: its mount, a real exec, room, links from the installation. One that is not
 * there is judged by its nearest parent that is; nothing is made to be tested but what is removed again.
 */
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, HoldfastError, quote } from '../../errors.ts';
import { Directory } from '../../linux/files/directory.ts';
import { freeBytes } from '../../linux/files/free-space.ts';
import { isNoexec, type Mount, mountOf, mountOfOpen, readMounts } from '../../linux/proc/mountinfo.ts';
import { type FallbackCandidate, lookAtFallback } from '../../snapshot/fallback/candidates.ts';
import { type ExecProbe, probeExec } from '../../snapshot/fallback/probe-exec.ts';
import { type MethodTrial, type SampleFile, tryPlacement } from '../../snapshot/fallback/try-placement.ts';
import type { DirectoryOrigin, DirectoryReport, Holds, MountReport } from './report.ts';

/** What is to be put there. */
export interface Load {
  /** bytes; null where there is no installation to be measured */
  readonly bytes: bigint | null;
  /** a file to try links with */
  readonly sample: SampleFile | null;
  /** whose snapshot it would be */
  readonly owner: bigint;
}

const UNTRIED: MethodTrial = { works: null, reason: 'not tried' };

/** Judges a directory by its path: the store (a symbolic link is none), or one that the operator named. */
export function judgePath(path: string, origin: 'store' | 'given', load: Load): DirectoryReport {
  if (origin === 'store' && isOtherThanDirectory(path)) {
    return refused(
      path,
      origin,
      load,
      `${quote(path)} is a symbolic link or no directory: refused as the store`,
    );
  }
  let existing: string;
  let directory: Directory;
  try {
    existing = nearestExisting(path);
    directory = Directory.open(realpathSync(existing));
  } catch (error) {
    return unreadable(path, origin, load, error);
  }
  try {
    const report = judge(directory, path, origin, existing === path, load);
    if (report.exists || origin === 'store' || report.holds !== 'yes') return report;
    return {
      ...report,
      holds: 'unknown',
      reason: `it does not exist; in ${quote(directory.path)} ${report.reason}`,
    };
  } finally {
    directory.close();
  }
}

/** Judges a fallback of `run`, first of all whether it could be made safe. */
export function judgeFallback(candidate: FallbackCandidate, load: Load): DirectoryReport {
  const { path, origin } = candidate;
  try {
    const { directory, missing } = lookAtFallback(candidate);
    try {
      const report = judge(directory, path, origin, missing.length === 0, load);
      // run passes over what it may not write to
      return report.write.works === false ? { ...report, holds: 'no' } : report;
    } finally {
      directory.close();
    }
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return refused(path, origin, load, error.message);
  }
}

function judge(
  directory: Directory,
  path: string,
  origin: DirectoryOrigin,
  exists: boolean,
  { bytes, sample, owner }: Load,
): DirectoryReport {
  const mount = mountOfOpen(directory.fd, directory.path);
  const exec = probeExec(directory, mount !== undefined && isNoexec(mount));
  const canWrite =
    exec.syscall === 'open' || exec.syscall === 'write' ? false : exec.verdict !== 'undetermined';
  const trial =
    sample !== null && canWrite
      ? tryPlacement(directory, sample, owner)
      : { hardlink: UNTRIED, reflink: UNTRIED };
  const free = freeBytes(directory.at());
  const tooFull =
    bytes !== null && free !== undefined && free < bytes && !trial.hardlink.works && !trial.reflink.works;
  return {
    path,
    origin,
    exists,
    judged: directory.path,
    mount: reportOf(mount),
    exec,
    write: { works: canWrite || (exec.errno === null ? null : false), errno: canWrite ? null : exec.errno },
    freeBytes: free === undefined ? null : Number(free),
    neededBytes: bytes === null ? null : Number(bytes),
    ...trial,
    ...verdictOf(exec, tooFull),
  };
}

/** A full or read-only file system is an answer; a directory that we may not write to is none. */
function verdictOf(exec: ExecProbe, tooFull: boolean): { holds: Holds; reason: string } {
  const { verdict, errno, reason } = exec;
  if (verdict === 'executable') {
    return tooFull
      ? { holds: 'no', reason: 'there is too little room for a copy' }
      : { holds: 'yes', reason };
  }
  const isAnswer =
    verdict !== 'undetermined' || errno === 'EROFS' || errno === 'ENOSPC' || errno === 'EDQUOT';
  return { holds: isAnswer ? 'no' : 'unknown', reason };
}

/** holdfast would not use it: nothing is tried there, but its mount is told. */
function refused(path: string, origin: DirectoryOrigin, load: Load, reason: string): DirectoryReport {
  return { ...nothingKnown(path, origin, load), exists: exists(path), holds: 'no', reason };
}

function unreadable(path: string, origin: DirectoryOrigin, load: Load, error: unknown): DirectoryReport {
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  const reason =
    error instanceof HoldfastError ? error.message : `${quote(path)} cannot be looked at: ${errno}`;
  const report = nothingKnown(path, origin, load);
  return {
    ...report,
    exec: { ...report.exec, errno, reason },
    exists: exists(path),
    reason,
    // where we may not look, the mount's option still is an answer
    ...(report.mount?.options.includes('noexec')
      ? {
          holds: 'no',
          exec: { ...report.exec, verdict: 'noexec', errno, reason: 'the mount has the option noexec' },
        }
      : {}),
  };
}

function nothingKnown(path: string, origin: DirectoryOrigin, { bytes }: Load): DirectoryReport {
  const mount = reportOf(mountOf(realPathAsFarAsSeen(path), readMounts()));
  return {
    path,
    origin,
    exists: false,
    judged: null,
    mount,
    exec: { verdict: 'undetermined', syscall: null, errno: null, reason: 'not tried' },
    write: { works: null, errno: null },
    freeBytes: null,
    neededBytes: bytes === null ? null : Number(bytes),
    hardlink: UNTRIED,
    reflink: UNTRIED,
    holds: 'unknown',
    reason: 'it could not be determined',
  };
}

function reportOf(mount: Mount | undefined): MountReport | null {
  if (mount === undefined) return null;
  const { mountPoint, source, fsType, options, superOptions } = mount;
  return { mountPoint, source, fsType, options, superOptions };
}

/** @throws Node's error of stat(2) where it cannot be told what exists (EACCES, ENOTDIR, ELOOP) */
function nearestExisting(path: string): string {
  for (let way = path; ; way = dirname(way)) {
    if (statSync(way, { throwIfNoEntry: false }) !== undefined) return way;
  }
}

/** The real path of the nearest parent that can be resolved: on the same mount, as far as we can see. */
function realPathAsFarAsSeen(path: string): string {
  for (let way = path; ; way = dirname(way)) {
    try {
      return realpathSync(way);
    } catch {
      if (way === '/') return way; // not even the root: a mount is looked for all the same
    }
  }
}

function isOtherThanDirectory(path: string): boolean {
  try {
    return !lstatSync(path).isDirectory();
  } catch {
    return false; // missing, or closed to us: found out by those who enter it
  }
}

function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false; // closed to us: what we cannot see is not there for us
  }
}
