/**
 * `holdfast snapshot --dry-run`: takes the snapshot that a launch would take, in a directory beside the store, with all
 * of its checks, and leaves nothing of it. The store itself is only looked at.
 */
import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { HoldfastError, quote } from '../errors.ts';
import { refuseMissingConf } from '../lightning/config/options.ts';
import { randomBytes } from '../linux/random.ts';
import type { FallbackOrigin } from '../snapshot/fallback/candidates.ts';
import { STORE_NAME } from '../snapshot/store/layout.ts';
import { openStore } from '../snapshot/store/store.ts';
import { withCleanup } from './cleanup.ts';
import type { Context } from './context.ts';
import type { DirectoryReport } from './noexec/report.ts';
import { noexecCheck } from './noexec-check.ts';
import { type SnapshotResult, toResult } from './snapshot.ts';
import { type PrepareOptions, prepare } from './take/prepare.ts';
import { findTarget, type Target } from './take/target.ts';

/** Where a launch would have its snapshot. */
interface Place {
  /** the store: the one asked for, or a fallback */
  readonly store: string;
  readonly fallback: FallbackOrigin | undefined;
  /** a directory that is there, on the same file system, where no launch looks */
  readonly beside: string;
}

/** Takes the snapshot and removes it. @throws HoldfastError as a launch would; `NOEXEC` where no store will do */
export async function dryRun(options: PrepareOptions, context: Context): Promise<SnapshotResult> {
  const target = await findTarget(options, context);
  refuseMissingConf(target.options);
  refuseStore(options.snapshotDir ?? `${target.options.lightningDir}/${STORE_NAME}`, context);
  const { store, fallback, beside } = choosePlace(target, options, context);
  const scratch = `${beside}/.holdfast-dry-${context.pid}-${randomBytes(4).toString('hex')}`;
  const remove = (): void => rmSync(scratch, { recursive: true, force: true });
  return withCleanup(context.pid, remove, async () => {
    const prepared = await prepare(target, { ...options, snapshotDir: scratch, fallback: false }, context);
    const result = toResult(prepared, true);
    const path = `${store}/${result.id}`;
    return {
      ...result,
      path,
      lightningd: `${path}/${prepared.taken.record.program}`,
      fallback: fallback ?? null,
    };
  });
}

/** A launch makes a store that is missing, and refuses one that is not ours. @throws HoldfastError `STORE_REFUSED` */
function refuseStore(store: string, context: Context): void {
  if (existsSync(store)) openStore(store, context).close();
}

/** As `run` chooses, by looking alone: noexec-check leaves nothing behind. */
function choosePlace({ lightningd, options }: Target, asked: PrepareOptions, context: Context): Place {
  const { lightningDir } = options;
  const store = asked.snapshotDir ?? `${lightningDir}/${STORE_NAME}`;
  const report = noexecCheck(
    { directories: [], store, lightningDir, lightningd: asked.from === undefined ? lightningd : undefined },
    context,
  );
  const { path, origin, reason } = report.choice;
  const chosen = report.directories.find(directory => directory.path === path);
  if (path === null || chosen === undefined || (origin !== 'store' && !asked.fallback)) {
    throw new HoldfastError('NOEXEC', `no snapshot can be had in ${quote(store)}: ${reason}`, {
      path: store,
      hint: `holdfast noexec-check --lightning-dir=${lightningDir} says more`,
    });
  }
  return {
    store: path,
    fallback: origin === 'store' || origin === 'given' || origin === null ? undefined : origin,
    beside: besideOf(chosen),
  };
}

/** In the store itself a launch would stumble over it. */
function besideOf({ path, judged }: DirectoryReport): string {
  return judged === null || judged === path ? dirname(path) : judged;
}
