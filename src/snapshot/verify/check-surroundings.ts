/**
 * The checks of a snapshot that ask what is there beside the entries, and who could change it. As checks.ts: they
 * report to the ledger and touch no file. Pure.
 */
import type { BigIntStats } from 'node:fs';
import { basename } from 'node:path';
import { comparePaths } from '../../manifest/path.ts';
import { LIBRARIES_DIR, OUR_FILES, PYCACHE_NAME, RECORD_NAME } from '../store/layout.ts';
import type { Ledger } from './ledger.ts';
import type { Expected, HeldView, SnapshotReading } from './read-snapshot.ts';
import { kindOf } from './scan.ts';

/** Nothing is there but the entries, the directories that lead to them, and what holdfast puts beside them. */
export function checkNothingExtra({ expected, scan, libraries }: SnapshotReading, ledger: Ledger): void {
  for (const path of scan.unnameable) {
    ledger.finding('nothing-extra', path, 'it is in no manifest: its name is no UTF-8', 'nothing', path);
  }
  for (const [path, why] of scan.closed) {
    if (expected?.has(path) !== true) ledger.unknown('nothing-extra', path, why);
  }
  if (expected === undefined) {
    ledger.skip('nothing-extra');
    return;
  }
  const directories = directoriesOf(expected);
  for (const path of [...scan.entries.keys()].sort(comparePaths)) {
    const kind = kindOf(scan.entries.get(path)!); // one of its keys
    if (expected.has(path) || OUR_FILES.has(path) || libraries.links.has(path)) continue;
    if (isUnlisted(path, libraries)) continue; // that their list is damaged is said already
    if (directories.has(path)) {
      if (kind !== 'directory')
        ledger.finding('nothing-extra', path, 'it is no directory', 'directory', kind);
    } else if (basename(path) === PYCACHE_NAME && kind === 'directory') {
      ledger.note(path, "Python's own cache: not checked");
    } else if (path === `${RECORD_NAME}.new` && kind === 'regular file') {
      ledger.note(path, 'a launch is writing its record, or died while it did');
    } else if (!isBelowPycache(path)) {
      ledger.finding('nothing-extra', path, 'it is in no manifest', 'nothing', kind);
    }
  }
}

/** Is it of libraries of which no list tells what they should be? */
function isUnlisted(path: string, { document, held }: HeldView): boolean {
  return held && document === undefined && path.split('/').includes(LIBRARIES_DIR);
}

/** Nothing has a set-id bit, nothing can be written by group or others: a hard link shares its mode with the source. */
export function checkPermissions(snapshot: SnapshotReading, ledger: Ledger): void {
  for (const [path, stat] of guarded(snapshot)) {
    if (!stat.isFile() && !stat.isDirectory()) continue; // a symbolic link's bits mean nothing
    const found = octal(stat.mode);
    if (stat.isFile() && (stat.mode & 0o6000n) !== 0n) {
      const expected = octal(stat.mode & ~0o6000n);
      ledger.finding('permissions', path, 'it is set-user-ID or set-group-ID', expected, found);
    }
    if ((stat.mode & 0o022n) !== 0n) {
      const expected = octal(stat.mode & ~0o022n);
      ledger.finding('permissions', path, 'group or others can write to it', expected, found);
    }
  }
}

/** All belongs to root or to the owner of the store. */
export function checkOwners(snapshot: SnapshotReading, ledger: Ledger): void {
  const { owner } = snapshot;
  const expected = owner === 0n ? 'user 0' : `user 0 or ${owner}`;
  for (const [path, { uid }] of guarded(snapshot)) {
    if (uid === 0n || uid === owner) continue;
    ledger.finding('owners', path, 'it belongs to somebody else', expected, `user ${uid}`);
  }
}

/** All that nobody else may own or write: the snapshot itself and everything in it but Python's cache. */
function* guarded({ directory, scan, expected }: SnapshotReading): Generator<readonly [string, BigIntStats]> {
  yield ['.', directory.stat()];
  for (const [path, stat] of scan.entries) {
    const isCache = basename(path) === PYCACHE_NAME || isBelowPycache(path);
    if (!isCache || expected?.has(path) === true) yield [path, stat];
  }
}

/** Permission bits as chmod(1) takes them. */
export function octal(mode: bigint): string {
  return (mode & 0o7777n).toString(8).padStart(4, '0');
}

function directoriesOf(expected: ReadonlyMap<string, Expected>): Set<string> {
  const directories = new Set<string>();
  for (const path of expected.keys()) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      directories.add(path.slice(0, end));
    }
  }
  return directories;
}

/** The interpreter fills `__pycache__` beside a Python plugin, as the node's own user. */
function isBelowPycache(path: string): boolean {
  return path.split('/').slice(0, -1).includes(PYCACHE_NAME);
}
