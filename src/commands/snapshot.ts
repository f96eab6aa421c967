/** `holdfast snapshot`: takes the snapshot that a launch would run from, and tells where it is. */
import { HoldfastError, quote } from '../errors.ts';
import { refuseMissingConf } from '../lightning/config/options.ts';
import type { FallbackOrigin } from '../snapshot/fallback/candidates.ts';
import type { PLACEMENTS } from '../snapshot/record/placement.ts';
import type { SnapshotRecord } from '../snapshot/record/record.ts';
import { isHeldLibrary, STORE_NAME } from '../snapshot/store/layout.ts';
import type { Context } from './context.ts';
import { asUser, foreignOwner, warnOfForeignStore } from './take/foreign-owner.ts';
import { type Prepared, type PrepareOptions, prepare } from './take/prepare.ts';
import type { StepTime } from './take/step-clock.ts';
import { findTarget } from './take/target.ts';

/** What came of it; the shape of `snapshot --json`, described in docs/json.md. */
export interface SnapshotResult {
  /** the snapshot's name in the store */
  readonly id: string;
  readonly root: string;
  /** absolute path of the snapshot */
  readonly path: string;
  /** absolute path of lightningd in it */
  readonly lightningd: string;
  /** what lightningd says of its version */
  readonly version: string;
  /** number of files */
  readonly files: number;
  /** their size in bytes */
  readonly bytes: number;
  /** number of files by how they got there */
  readonly placements: Readonly<Record<(typeof PLACEMENTS)[number], number>>;
  /** number of held libraries, and their size in bytes; null: libraries are left to the system */
  readonly libraries: { readonly files: number; readonly bytes: number } | null;
  /** true: a proven snapshot was used again; false: it was built */
  readonly reused: boolean;
  /** names in the store that were wiped */
  readonly wiped: readonly string[];
  /** where the store comes from when the one asked for executes nothing; null when it does */
  readonly fallback: FallbackOrigin | null;
  /** true: nothing is left of it; `path` and `lightningd` say where a launch would have it */
  readonly dryRun: boolean;
  /** milliseconds by step */
  readonly steps: readonly StepTime[];
}

/** Takes the snapshot and lets it go. @throws HoldfastError `WRONG_USER` for root in another's lightning-dir; see prepare */
export async function snapshot(options: PrepareOptions, context: Context): Promise<SnapshotResult> {
  refusePin(options);
  const target = await findTarget(options, context);
  refuseMissingConf(target.options);
  const { lightningDir } = target.options;
  refuseForeignDirectory(lightningDir, context.uid);
  warnOfForeignStore(options.snapshotDir ?? `${lightningDir}/${STORE_NAME}`, context);
  return toResult(await prepare(target, options, context), false);
}

/** What came of it, the snapshot let go. */
export function toResult({ taken, store, fallback, steps }: Prepared, dryRun: boolean): SnapshotResult {
  const { id, record, reused, wiped } = taken;
  const files = record.files.filter(({ path }) => !isHeldLibrary(path));
  const held = record.files.filter(({ path }) => isHeldLibrary(path));
  const bytesOf = (some: SnapshotRecord['files']) =>
    some.reduce((sum, { path }) => sum + Number(taken.directory.lstat(path)?.size ?? 0), 0);
  const bytes = bytesOf(files);
  const libraries = record.libraries === undefined ? null : { files: held.length, bytes: bytesOf(held) };
  taken.directory.close();
  return {
    id,
    root: record.root,
    path: `${store}/${id}`,
    lightningd: `${store}/${id}/${record.program}`,
    version: record.version,
    files: files.length,
    bytes,
    placements: countPlacements(files),
    libraries,
    reused,
    wiped,
    fallback: fallback ?? null,
    dryRun,
    steps,
  };
}

function countPlacements(files: SnapshotRecord['files']): SnapshotResult['placements'] {
  const count = (placement: string): number => files.filter(file => file.placement === placement).length;
  return { hardlink: count('hardlink'), reflink: count('reflink'), copy: count('copy') };
}

/** @throws HoldfastError `USAGE` */
function refusePin({ method }: PrepareOptions): void {
  if (method !== 'pin') return;
  throw new HoldfastError(
    'USAGE',
    'snapshot cannot pin: what is pinned ends with the process that holds it, and none stays',
    { hint: 'holdfast run --method=pin lightningd …' },
  );
}

/** Files of root's in a lightning-dir would be in the way of the user whose node it is. */
function refuseForeignDirectory(lightningDir: string, uid: number): void {
  const name = foreignOwner(lightningDir, uid);
  if (name === undefined) return;
  throw new HoldfastError(
    'WRONG_USER',
    `${quote(lightningDir)} belongs to ${name}: root would leave files in that user's way`,
    {
      path: lightningDir,
      hint: `become that user: ${asUser(name)} holdfast snapshot …`,
    },
  );
}
