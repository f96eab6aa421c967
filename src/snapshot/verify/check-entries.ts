/**
 * The checks of one snapshot, each by itself: what it finds goes into the ledger, and none stops at its first
 * finding. They look at what was read before (read-snapshot.ts) and touch no file. Pure.
 */

import { HoldfastError } from '../../errors.ts';
import { fileMode } from '../../manifest/entry.ts';
import type { FileMode } from '../../manifest/manifest.ts';
import { formatSha256sums } from '../../manifest/sha256sums.ts';
import { isSnapshotName, SHA256SUMS_NAME } from '../store/layout.ts';
import { checkNothingExtra, checkOwners, checkPermissions, octal } from './check-surroundings.ts';
import type { CheckName, Ledger } from './ledger.ts';
import type { SnapshotReading } from './read-snapshot.ts';
import { kindOf } from './scan.ts';

/** A check: reports to the ledger under its own name. */
type Check = (snapshot: SnapshotReading, ledger: Ledger) => void;

/** The checks that are made when the files are read. */
export type ReadingCheck = 'manifest' | 'pinned' | 'libraries';

/** Each other check by its name; a part of `sha256sums` has been made when the files were read. */
export const CHECK_FUNCTIONS: Readonly<Record<Exclude<CheckName, ReadingCheck>, Check>> = {
  root: checkRoot,
  files: checkFiles,
  digests: checkDigests,
  'nothing-extra': checkNothingExtra,
  permissions: checkPermissions,
  owners: checkOwners,
  sha256sums: checkSha256sums,
};

/** The root, which the manifest's parser has recomputed, is the one of the directory's name, and the one expected. */
function checkRoot({ manifest, name, expectRoot }: SnapshotReading, ledger: Ledger): void {
  if (manifest === undefined) {
    ledger.skip('root');
    return;
  }
  const { root } = manifest;
  // a copy of a snapshot may be called anything
  if (isSnapshotName(name) && !root.startsWith(name.slice(0, 16))) {
    const expected = `a root that begins with ${name.slice(0, 16)}`;
    ledger.finding('root', '.', 'the root is not the one in its name', expected, root);
  }
  if (expectRoot !== undefined && root !== expectRoot) {
    ledger.finding('root', '.', 'the root is not the one expected', expectRoot, root);
  }
}

/**
 * Every file of the manifest is there, regular, of its size, and executable or not as it was. More than that can be
 * said of the mode only where the file is known to be a copy of ours: a hard link keeps its inode's. That group or
 * others may write is for `permissions` to say.
 */
function checkFiles({ expected, scan, copied, lost, hashes }: SnapshotReading, ledger: Ledger): void {
  if (expected === undefined) {
    ledger.skip('files');
    return;
  }
  if (lost.size > 0) ledger.skip('files'); // of the others all is said that there is to say
  for (const [path, { size, mode }] of expected) {
    if (lost.has(path)) continue;
    const stat = scan.entries.get(path);
    if (stat === undefined) {
      const why = whyClosed(path, scan.closed);
      if (why !== undefined) ledger.unknown('files', path, why);
      else ledger.finding('files', path, 'it is missing', 'regular file', 'nothing');
      continue;
    }
    if (!stat.isFile()) {
      ledger.finding('files', path, 'it is no regular file', 'regular file', kindOf(stat));
      continue;
    }
    if (size !== undefined && stat.size !== BigInt(size)) {
      const reason =
        stat.size < BigInt(size)
          ? 'it is shorter than the manifest says'
          : 'it is longer than the manifest says';
      ledger.finding('files', path, reason, `${size} bytes`, `${stat.size} bytes`);
    }
    // one that cannot be opened is unknown as a whole: its mode, which is why, is said there
    if (mode === undefined || hashes.get(path) instanceof HoldfastError) continue;
    const exact = mode === '100755' ? 0o755n : 0o644n;
    if (fileMode(stat) !== mode) {
      const found = `${executable(fileMode(stat))} (${octal(stat.mode)})`;
      ledger.finding('files', path, 'its mode was changed', executable(mode), found);
    } else if (copied.has(path) && (stat.mode & 0o777n & ~0o022n) !== exact) {
      ledger.finding('files', path, 'its mode was changed', octal(exact), octal(stat.mode));
    }
  }
}

/** Every file that could be hashed has its digest. One of another size is reported as that, and is not hashed. */
function checkDigests({ expected, hashes, scan, lost }: SnapshotReading, ledger: Ledger): void {
  if (expected === undefined) {
    ledger.skip('digests');
    return;
  }
  if (lost.size > 0) ledger.skip('digests');
  for (const [path, hash] of hashes) {
    if (hash instanceof HoldfastError) {
      ledger.unknown('digests', path, `${hash.message}; its mode is ${octal(scan.entries.get(path)!.mode)}`); // it was listed
      continue;
    }
    const { sha256 } = expected.get(path)!; // only expected files are hashed
    if (BigInt(hash.size) !== scan.entries.get(path)?.size) {
      const size = `${scan.entries.get(path)?.size} bytes`;
      ledger.finding('digests', path, 'it changed while it was read', size, `${hash.size} bytes`);
    } else if (hash.sha256 !== sha256) {
      ledger.finding('digests', path, 'its content is not what was taken', sha256, hash.sha256);
    }
  }
}

/** SHA256SUMS has the manifest's digests: all, no others, and as holdfast writes them. */
function checkSha256sums({ manifest, sums }: SnapshotReading, ledger: Ledger): void {
  if (sums === undefined || manifest === undefined) {
    ledger.skip('sha256sums');
    return;
  }
  if (sums.text === formatSha256sums(manifest.files)) return;
  const before = ledger.findings.length;
  const report = (reason: string, expected: string, found: string) =>
    ledger.finding('sha256sums', SHA256SUMS_NAME, reason, expected, found);
  for (const { path, sha256 } of manifest.files) {
    const found = sums.digests.get(path);
    if (found !== sha256) report(`it does not agree about ${path}`, sha256, found ?? 'no line');
  }
  const known = new Set(manifest.files.map(({ path }) => path));
  for (const [path, digest] of sums.digests) {
    if (!known.has(path)) report(`it names ${path}, which the manifest does not`, 'no line', digest);
  }
  if (ledger.findings.length === before) {
    report('it was edited', "the manifest's digests in its order", 'the same digests, written otherwise');
  }
}

/** Why nothing is known of a path: itself or a directory on the way to it is closed to us. */
function whyClosed(path: string, closed: ReadonlyMap<string, string>): string | undefined {
  const own = closed.get(path) ?? closed.get('.');
  if (own !== undefined || closed.size === 0) return own;
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const why = closed.get(path.slice(0, end));
    if (why !== undefined) return why;
  }
  return undefined;
}

function executable(mode: FileMode): string {
  return mode === '100755' ? 'executable' : 'not executable';
}
