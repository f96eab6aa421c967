/**
 * holdfast as a library: take a snapshot, verify one, compute a root. The command line is built on the same functions.
 *
 * ```ts
 * import { buildSnapshot, verifySnapshot } from 'holdfast';
 *
 * const { path, root } = await buildSnapshot({ lightningd: '/usr/bin/lightningd', lightningDir: '/var/lib/lightning' });
 * const { verdict, findings } = await verifySnapshot(path, { expectRoot: root });
 * ```
 *
 * Whatever fails is a HoldfastError: decide on its `code`. Nothing is printed, and the process is left as it was.
 */

import { type SnapshotResult, snapshot } from './commands/snapshot.ts';
import type { PrepareOptions } from './commands/take/prepare.ts';
import { HoldfastError } from './errors.ts';
import { absolutePath } from './linux/files/path.ts';
import { METHODS } from './snapshot/record/placement.ts';
import {
  type SnapshotReport,
  type VerifyOptions,
  verifySnapshot as verifyAt,
} from './snapshot/verify/verify.ts';

export { type ErrorCode, HoldfastError } from './errors.ts';
export { checkInclusion, inclusionProof, type ManifestFile, merkleRoot, type Proof } from './manifest.ts';
export type { SnapshotReport, SnapshotResult, VerifyOptions };

/** Which installation, and where the snapshot goes. What is left out is as on the command line. */
export interface BuildOptions {
  /** lightningd: a path, or a name that is looked up in PATH; default `lightningd` */
  readonly lightningd?: string;
  /** a release archive to take the installation from, in place of `lightningd` */
  readonly from?: string;
  /** the node's directory; default `~/.lightning` */
  readonly lightningDir?: string;
  /** the store; default `<lightningDir>/subdaemons` */
  readonly snapshotDir?: string;
  /** force one placement; default: hard link, else reflink, else copy, for each file */
  readonly method?: 'auto' | 'hardlink' | 'reflink' | 'copy';
  /** use another directory where the store cannot hold programs; default true */
  readonly fallback?: boolean;
  /** ask every program for its version; default true */
  readonly gate?: boolean;
  /** keep the programs' shared libraries with the snapshot, or leave them to the system; default `hold` */
  readonly libraries?: 'hold' | 'leave';
  /** how long an upgrade may take to finish, ms; default 30,000 */
  readonly settleMs?: number;
  /** refuse any other root, 64 hex digits */
  readonly expectRoot?: string;
  /** something the operator should know though all goes well; default: nobody is told */
  readonly onWarning?: (message: string) => void;
}

/**
 * Takes a snapshot of an installation, or finds that the one there is proven to be it; wipes the snapshots that nothing
 * runs from. Nothing is held afterwards: a launch that wipes may remove the snapshot again unless a node runs from it.
 * @throws HoldfastError `USAGE` for what an option cannot be, `NOT_FOUND`, `NOT_EXECUTABLE`, `NOT_AN_INSTALLATION`, `BAD_SOURCE`, `CONFIG`,
 *   `GATE`, `STORE_REFUSED`, `WRONG_USER`, `LOCKED`, `NOEXEC`, `PLACEMENT`, `ROOT_MISMATCH`, `ARCHIVE`, `UNREADABLE`, `UNSUPPORTED` or
 *   `SYSTEM`; the store is then as it was
 */
export async function buildSnapshot(options: BuildOptions = {}): Promise<SnapshotResult> {
  checkOptions(options);
  const { lightningd, from, lightningDir, snapshotDir, method = 'auto', expectRoot, onWarning } = options;
  const request: PrepareOptions = {
    lightningd,
    from: from === undefined ? undefined : absolutePath(process.cwd(), from),
    checksum: { sha256: undefined, sums: undefined },
    args:
      lightningDir === undefined
        ? []
        : [Buffer.from(`--lightning-dir=${absolutePath(process.cwd(), lightningDir)}`)],
    snapshotDir: snapshotDir === undefined ? undefined : absolutePath(process.cwd(), snapshotDir),
    method,
    fallback: options.fallback ?? true,
    gate: options.gate ?? true,
    libraries: options.libraries ?? 'hold',
    settleMs: options.settleMs ?? 30_000,
    expectRoot,
  };
  const silent = (): void => undefined;
  const environment = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return snapshot(request, {
    environment: Object.fromEntries(environment),
    cwd: process.cwd(),
    uid: process.geteuid?.() ?? 0,
    pid: process.pid,
    self: import.meta.filename,
    warn: onWarning ?? silent,
    notice: silent,
    detail: silent,
  });
}

/** For callers without types: a slip would be a copy in place of a link, a wait without end, or a store in the working directory. */
function checkOptions(options: BuildOptions): void {
  const {
    lightningd,
    from,
    lightningDir,
    snapshotDir,
    method = 'auto',
    libraries = 'hold',
    settleMs = 0,
  } = options;
  const known = METHODS.includes(method) && ['hold', 'leave'].includes(libraries) && settleMs >= 0;
  if (!known) {
    const given = `method ${method}, libraries ${libraries}, settleMs ${settleMs}`;
    throw new HoldfastError('USAGE', `buildSnapshot does not take one of these: ${given}`);
  }
  if (lightningd !== undefined && from !== undefined)
    throw new HoldfastError(
      'USAGE',
      'buildSnapshot takes either lightningd or from: the archive has its own',
    );
  for (const [name, path] of Object.entries({ lightningd, from, lightningDir, snapshotDir }))
    if (path !== undefined) checkPath(name, path);
  checkRoot(options.expectRoot);
}

function checkPath(name: string, path: unknown): void {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return;
  throw new HoldfastError('USAGE', `${name} must be a path, and is ${JSON.stringify(path)}`);
}

function checkRoot(root: unknown): void {
  if (root === undefined || (typeof root === 'string' && /^[0-9a-f]{64}$/.test(root))) return;
  throw new HoldfastError(
    'USAGE',
    `expectRoot must be 64 lower-case hex digits, and is ${JSON.stringify(root)}`,
  );
}

/**
 * Is the snapshot at `path` what its manifest says? Reads and hashes every file; never writes.
 * @returns `verdict` `ok`, `finding`, or `unknown` where not all could be determined; `findings` name each file
 * @throws HoldfastError `USAGE` for what an argument cannot be, `NO_SNAPSHOT` where there is none, `SYSTEM` where the
 *   directory cannot be entered
 */
export async function verifySnapshot(path: string, options: VerifyOptions = {}): Promise<SnapshotReport> {
  checkPath('path', path);
  checkRoot(options.expectRoot);
  return (await verifyAt(absolutePath(process.cwd(), path), options)).report;
}
