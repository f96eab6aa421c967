/**
 * `holdfast export SNAPSHOT FILE`: a snapshot as a reproducible tar.gz, which `--from` takes back. Only a snapshot that
 * verifies is exported, and every file is hashed once more as it is packed. Never overwrites a file, and never leaves
 * half of one: it is written under a temporary name beside FILE.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, lstatSync, openSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Refused } from '../archive/fault.ts';
import { Members } from '../archive/members.ts';
import { type Packed, type PackFile, pack, piecesOf } from '../archive/pack.ts';
import { LIMITS } from '../archive/unpack.ts';
import { errnoOf, HoldfastError, quote, systemError, typed } from '../errors.ts';
import { Directory } from '../linux/files/directory.ts';
import { randomBytes } from '../linux/random.ts';
import type { Manifest, ManifestFile } from '../manifest/manifest.ts';
import { comparePaths } from '../manifest/path.ts';
import { formatSha256sums } from '../manifest/sha256sums.ts';
import type { OnProgress } from '../snapshot/hash/hash-each.ts';
import { openPlaced } from '../snapshot/record/pinned.ts';
import { MANIFEST_NAME, SHA256SUMS_NAME } from '../snapshot/store/layout.ts';
import { readManifest } from '../snapshot/store/read-manifest.ts';
import { withCleanup } from './cleanup.ts';
import type { Context } from './context.ts';
import type { NodeOptions } from './node-directory.ts';
import { type VerifyOptions, verify } from './verify.ts';

/** What the operator asked for. */
export interface ExportOptions extends NodeOptions {
  readonly snapshot: NonNullable<VerifyOptions['snapshot']>;
  /** absolute */
  readonly file: string;
  readonly onProgress: OnProgress;
}

/** The shape of `export --json`, described in docs/json.md. */
export interface ExportResult {
  /** absolute path of the snapshot */
  readonly snapshot: string;
  /** absolute path of the archive */
  readonly file: string;
  readonly root: string;
  readonly version: string;
  /** number of files of the installation in it */
  readonly files: number;
  /** size of the archive */
  readonly bytes: number;
  /** of the archive */
  readonly sha256: string;
  /** of the tar archive in it, which does not depend on who compressed it */
  readonly tarSha256: string;
}

/**
 * Exports.
 * @throws HoldfastError `DIFFERS` where the snapshot does not verify; `ARCHIVE` where no archive could be read back;
 *   `NO_SNAPSHOT`, `USAGE`, `SYSTEM`
 */
export async function exportSnapshot(options: ExportOptions, context: Context): Promise<ExportResult> {
  const { file } = options;
  refuseExisting(file);
  const path = await verified(options, context);
  const directory = Directory.open(path);
  try {
    directory.tryLock('shared'); // a launch then leaves it for the next one to wipe
    const manifest = readManifest(directory.at(MANIFEST_NAME), directory.show(MANIFEST_NAME));
    const members = filesOf(directory, manifest);
    checkMembers(members, path);
    const packed = await write(members, file, context);
    const { root, version, files } = manifest;
    return { snapshot: path, file, root, version, files: files.length, ...packed };
  } finally {
    directory.close();
  }
}

/** @returns the path of the snapshot, which is what its manifest says */
async function verified(options: ExportOptions, context: Context): Promise<string> {
  const wanted = { ...options, expectRoot: undefined, running: false };
  const { verdict, snapshots } = await verify(wanted, context);
  const report = snapshots[0]!; // one was named: it is there, or verify has thrown
  if (verdict === 'ok') return report.path;
  const lines = [
    ...report.findings.map(finding => `${finding.path}: ${finding.reason}`),
    ...report.unknowns.map(unknown => `${unknown.path}: ${unknown.reason}`),
  ];
  throw new HoldfastError(
    verdict === 'finding' ? 'DIFFERS' : 'UNREADABLE',
    `${quote(report.path)} does not verify: it is not exported`,
    {
      path: report.path,
      details: lines.slice(0, 20),
      hint: `holdfast verify ${typed(report.path)} says more`,
    },
  );
}

/**
 * The manifest's files, and SHA256SUMS to check them where they are unpacked by hand. manifest.json is not among them:
 * it has the version, of which the root says nothing, and it is made again by whoever takes a snapshot of this.
 */
function filesOf(directory: Directory, { files }: Manifest): PackFile[] {
  const sums = Buffer.from(formatSha256sums(files));
  return [
    { path: SHA256SUMS_NAME, executable: false, size: sums.length, content: () => [sums] },
    ...files.map(file => ({
      path: file.path,
      executable: file.mode === '100755',
      size: file.size,
      content: () => contentOf(directory, file),
    })),
  ].sort((a, b) => comparePaths(a.path, b.path));
}

/**
 * What no archive may have (two names that only case tells apart, say) is said now, not when the archive is needed.
 * @throws HoldfastError `ARCHIVE`
 */
function checkMembers(files: readonly PackFile[], snapshot: string): void {
  try {
    const members = new Members();
    for (const { path } of files) members.add('file', path, '');
    if (files.length > LIMITS.members) throw new Refused(`there are more than ${LIMITS.members} files`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const what = error.member === undefined ? '' : `${quote(error.member)}: `;
    throw new HoldfastError('ARCHIVE', `${quote(snapshot)} cannot be exported: ${what}${error.message}`, {
      path: snapshot,
      cause: error,
      hint: '--from would refuse such an archive; cp -a keeps the snapshot as it is',
    });
  }
}

function* contentOf(directory: Directory, { path, size, sha256: wanted }: ManifestFile): Generator<Buffer> {
  const fd = directory.attempt('open', path, openPlaced);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for (const piece of piecesOf(fd)) {
      hash.update(piece);
      bytes += piece.length;
      if (bytes > size) break;
      yield piece;
    }
    if (bytes === size && hash.digest('hex') === wanted) return;
    throw new HoldfastError('DIFFERS', `${quote(directory.show(path))} changed while it was exported`, {
      path: directory.show(path),
    });
  } finally {
    closeSync(fd);
  }
}

/** Writes the archive under a temporary name, then gives it its own. A crash leaves at most the temporary one. */
async function write(files: readonly PackFile[], file: string, context: Context): Promise<Packed> {
  const temporary = join(
    dirname(file),
    `.${basename(file).slice(0, 200)}.${randomBytes(4).toString('hex')}.tmp`,
  );
  let fd: number;
  try {
    fd = openSync(temporary, 'wx', 0o666); // less the umask, as of any file that an operator has made
  } catch (error) {
    throw systemError('write', file, error);
  }
  return withCleanup(
    context.pid,
    () => rmSync(temporary, { force: true }),
    async () => {
      try {
        const packed = await pack(files, fd);
        fsyncSync(fd); // unlike a snapshot it is meant to be kept
        giveName(temporary, file);
        return packed;
      } catch (error) {
        throw systemError('write', file, error);
      } finally {
        closeSync(fd);
      }
    },
  );
}

/** What file systems without hard links say (link(2)): there is then a moment in which another file could come between. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EMLINK']);

/** link(2) never replaces a file, rename(2) does. */
function giveName(temporary: string, file: string): void {
  try {
    linkSync(temporary, file);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw exists(file);
    if (!NO_LINKS.has(errnoOf(error) ?? '')) throw error;
    refuseExisting(file);
    renameSync(temporary, file);
  }
}

function refuseExisting(file: string): void {
  try {
    if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return;
  } catch (error) {
    throw systemError('look at', file, error);
  }
  throw exists(file);
}

function exists(file: string): HoldfastError {
  return new HoldfastError('USAGE', `${quote(file)} is there already: nothing is overwritten`, {
    path: file,
    hint: 'name another file, or remove that one first',
  });
}
