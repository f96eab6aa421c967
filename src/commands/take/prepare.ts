/**
 * What `run` and `snapshot` share: from a target to a held snapshot. Chooses the source and the store, has the snapshot
 * taken, falls back to another store where the first executes nothing. Never prints: what is to be said goes to the context.
 */
import { existsSync } from 'node:fs';
import type { ArchiveChecksum } from '../../archive/checksum.ts';
import { HoldfastError, quote } from '../../errors.ts';
import { readBootId } from '../../linux/proc/boot-id.ts';
import type { FallbackOrigin } from '../../snapshot/fallback/candidates.ts';
import type { Pinning } from '../../snapshot/place/pin.ts';
import type { Method } from '../../snapshot/record/placement.ts';
import { STORE_NAME } from '../../snapshot/store/layout.ts';
import { makeStore, openStore } from '../../snapshot/store/store.ts';
import type { Source } from '../../snapshot/take/source.ts';
import { takeSnapshot } from '../../snapshot/take/take.ts';
import type { Observer, Taken, Terms } from '../../snapshot/take/terms.ts';
import type { Context } from '../context.ts';
import type { MendedArguments } from './configured-paths.ts';
import { InstallationSource } from './installation-source.ts';
import { mendArguments } from './mended-arguments.ts';
import { StepClock, type StepTime } from './step-clock.ts';
import type { Target, TargetOptions } from './target.ts';
import { tell } from './tell.ts';

/** What the operator asked for. */
export interface PrepareOptions extends TargetOptions {
  /** what the archive of `from` must be */
  readonly checksum: ArchiveChecksum;
  readonly snapshotDir: string | undefined;
  readonly method: Method;
  readonly fallback: boolean;
  readonly gate: boolean;
  /** keep the programs' libraries with the snapshot, or leave them to the system */
  readonly libraries: 'hold' | 'leave';
  readonly settleMs: number;
  readonly expectRoot: string | undefined;
  /** of `run` alone: the snapshot to hold, whatever is installed: its name in the store, or its path, absolute */
  readonly use?: string | undefined;
}

/** A held snapshot, and what lightningd is started with. */
export interface Prepared extends Held, MendedArguments {}

/** A held snapshot, and how it came about. */
export interface Held {
  readonly taken: Taken;
  /** the directory that holds the snapshot */
  readonly store: string;
  /** where the store comes from when the one asked for executes nothing */
  readonly fallback: FallbackOrigin | undefined;
  readonly steps: readonly StepTime[];
}

/**
 * Takes the snapshot that this target is to run from, or holds the one that is named, and mends lightningd's arguments.
 * @param pinning with the method `pin`: see pinning.ts
 * @throws HoldfastError, see takeSnapshot, chooseFallback, useSnapshot and mendConfiguredPaths
 */
export async function prepare(
  target: Target,
  options: PrepareOptions,
  context: Context,
  pinning?: Pinning,
): Promise<Prepared> {
  const held: Held =
    options.use === undefined
      ? await takeAndTell(target, options, context, pinning)
      : {
          ...(await (await import('./use-snapshot.ts')).useSnapshot(options.use, target, options, context)),
          fallback: undefined,
          steps: [],
        };
  const mended = await mendArguments(target.options, options.args, held.taken, held.store, context);
  return { ...held, ...mended };
}

/** Takes it, and says what the operator should know of it. */
async function takeAndTell(
  target: Target,
  options: PrepareOptions,
  context: Context,
  pinning: Pinning | undefined,
): Promise<Held> {
  const { clock, ...held } = await takeWhereItRuns(target, options, context, pinning);
  await tell(held.taken, options.method, context);
  return { ...held, steps: clock.end() };
}

/** In the store, or where that executes nothing in the first fallback that does; the store then leads there. */
async function takeWhereItRuns(
  { lightningd, options: { lightningDir } }: Target,
  options: PrepareOptions,
  context: Context,
  pinning: Pinning | undefined,
): Promise<Omit<Held, 'steps'> & { readonly clock: StepClock }> {
  const place = options.snapshotDir ?? `${lightningDir}/${STORE_NAME}`;
  const terms = termsOf(options, context, pinning);
  const source = await openSource(lightningd, [lightningDir, place], options, context);
  const clock = new StepClock();
  const observer = observerOf(clock, context);
  try {
    if (!existsSync(place)) await source.check?.(terms.settleMs, context.notice);
    const store = makeStore(place, context);
    const plan = { store, source, terms, observer };
    try {
      return { taken: await takeSnapshot(plan), store: place, fallback: undefined, clock };
    } catch (error) {
      if (!isNoexec(error) || !options.fallback) throw error;
      observer.step('fallback');
      const { chooseFallback } = await import('../../snapshot/fallback/choose.ts');
      const { pointTo } = await import('../../snapshot/take/point-to.ts');
      const needed = await source.neededBytes();
      const { path, origin } = chooseFallback(place, { ...context, lightningDir }, needed);
      context.warn(`${error.message}: using ${quote(path)} (${origin}); holdfast noexec-check says more`);
      const fallback = openStore(path, context);
      try {
        const taken = await takeSnapshot({ ...plan, store: fallback });
        const left = await pointTo(plan, `${path}/${taken.id}`);
        const warnings = [...taken.warnings, ...left];
        return { taken: { ...taken, warnings }, store: path, fallback: origin, clock };
      } finally {
        fallback.close();
      }
    } finally {
      store.close();
    }
  } finally {
    source.close?.();
  }
}

function termsOf(
  { method, gate, libraries, settleMs, expectRoot, from }: PrepareOptions,
  { uid, pid, environment }: Context,
  pinning: Pinning | undefined,
): Terms {
  return {
    owner: BigInt(uid),
    pid,
    bootId: readBootId(),
    method,
    pinning,
    gate,
    libraries,
    libraryPath: environment.LD_LIBRARY_PATH,
    settleMs: from === undefined ? settleMs : 0, // an archive does not settle
    lockMs: Math.max(settleMs, LEAST_LOCK_MS),
    expectRoot,
  };
}

/** Another launch may well work in the store for a moment, also where an upgrade is not to be waited for. */
const LEAST_LOCK_MS = 5000;

/** @param apart directories that are no part of an installation, wherever they lie */
async function openSource(
  lightningd: string,
  apart: readonly string[],
  { from, checksum, gate }: PrepareOptions,
  context: Context,
): Promise<Source> {
  if (from === undefined) return new InstallationSource(lightningd, { gate, apart });
  return (await import('./archive-source.ts')).openArchiveSource(from, checksum, gate, context);
}

function observerOf(clock: StepClock, context: Context): Observer {
  return {
    step: name => {
      clock.begin(name);
      context.detail(name);
    },
    lockWait: holder => context.notice(`another holdfast works in the store, ${holder}: waiting for it`),
    settling: (reason, settleMs) =>
      context.notice(`${reason.message}; waiting up to ${settleMs / 1000} s for it to settle`),
  };
}

function isNoexec(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.code === 'NOEXEC';
}
