/**
 * What `run` and `snapshot` share: from a target to a held snapshot. Chooses the source and the store, has the snapshot
 * taken, falls back to another store where the first executes nothing. Never prints: what is to be said goes to the context.
 */
import { existsSync } from 'node:fs';
import type { ArchiveChecksum } from '../../archive/checksum.ts';
import { HoldfastError, quote } from '../../errors.ts';
import { readBootId } from '../../linux/proc/boot-id.ts';
import { isScript } from '../../linux/script.ts';
import type { FallbackOrigin } from '../../snapshot/fallback/candidates.ts';
import type { Pinning } from '../../snapshot/place/pin.ts';
import { isHeldLibrary, STORE_NAME } from '../../snapshot/store/layout.ts';
import type { Method } from '../../snapshot/store/placement.ts';
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
}

/** A held snapshot, and how it came about. */
export interface Prepared extends MendedArguments {
  readonly taken: Taken;
  /** the directory that holds the snapshot */
  readonly store: string;
  /** where the store comes from when the one asked for executes nothing */
  readonly fallback: FallbackOrigin | undefined;
  readonly steps: readonly StepTime[];
}

/**
 * Takes the snapshot that this target is to run from; where the store executes nothing, in a fallback.
 * @param pinning with the method `pin`: see pinning.ts
 * @throws HoldfastError, see takeSnapshot and chooseFallback
 */
export async function prepare(
  target: Target,
  options: PrepareOptions,
  context: Context,
  pinning?: Pinning,
): Promise<Prepared> {
  const place = options.snapshotDir ?? `${target.options.lightningDir}/${STORE_NAME}`;
  const source: Source = await openSource(target, options, place, context);
  const steps = new StepClock();
  const terms = termsOf(options, context, pinning, source);
  const observer = observerOf(terms, context, steps);
  try {
    if (!existsSync(place)) await source.check?.(terms.settleMs, context.notice);
    const { taken, ...chosen } = await takeWhereItRuns(place, source, {
      terms,
      observer,
      target,
      options,
      context,
    });
    for (const line of await warningsOf(taken, source)) context.warn(line);
    const silent = taken.record.answers?.filter(({ says }) => says === undefined) ?? [];
    if (silent.length > 0) {
      context.detail(
        `of unknown version, as nothing in them tells: ${silent.map(({ path }) => path).join(', ')}`,
      );
    }
    sayLibraries(taken, terms.method, context);
    const mended = await mendArguments(target, options.args, taken, chosen.store, context);
    return { taken, ...chosen, ...mended, steps: steps.end() };
  } finally {
    source.close?.();
  }
}

/** A forced method is so for the installation; libraries follow as well as they can (placement.ts). */
function sayLibraries({ record }: Taken, method: Terms['method'], context: Context): void {
  if (method === 'auto' || method === 'pin') return;
  const others = record.files.filter(({ path, placement }) => isHeldLibrary(path) && placement !== method);
  for (const { source, placement } of others)
    context.detail(`a library cannot be had by ${method}: ${quote(source)} by ${placement}`);
}

interface Taking {
  readonly terms: Terms;
  readonly observer: Observer;
  readonly target: Target;
  readonly options: PrepareOptions;
  readonly context: Context;
}

/** In the store, or where that executes nothing in the first fallback that does; the store then leads there. */
async function takeWhereItRuns(
  place: string,
  source: Source,
  { terms, observer, target, options, context }: Taking,
): Promise<Pick<Prepared, 'taken' | 'store' | 'fallback'>> {
  const store = makeStore(place, context);
  try {
    return {
      taken: await takeSnapshot({ store, source, terms, observer }),
      store: place,
      fallback: undefined,
    };
  } catch (error) {
    if (!isNoexec(error) || !options.fallback) throw error;
    observer.step('fallback');
    const { chooseFallback } = await import('../../snapshot/fallback/choose.ts');
    const { pointTo } = await import('../../snapshot/take/point-to.ts');
    const { lightningDir } = target.options;
    const { path, origin } = chooseFallback(place, { ...context, lightningDir }, await source.neededBytes());
    context.warn(`${error.message}: using ${quote(path)} (${origin}); holdfast noexec-check says more`);
    const fallback = openStore(path, context);
    try {
      const taken = await takeSnapshot({ store: fallback, source, terms, observer });
      const left = await pointTo({ store, source, terms, observer }, `${path}/${taken.id}`);
      const warnings = [...taken.warnings, ...left];
      return { taken: { ...taken, warnings }, store: path, fallback: origin };
    } finally {
      fallback.close();
    }
  } finally {
    store.close();
  }
}

async function openSource(
  { lightningd, options: { lightningDir } }: Target,
  { from, checksum, gate }: PrepareOptions,
  place: string,
  context: Context,
): Promise<Source> {
  if (from === undefined) return new InstallationSource(lightningd, { gate, apart: [lightningDir, place] });
  return (await import('./archive-source.ts')).openArchiveSource(from, checksum, gate, context);
}

function termsOf(
  { method, gate, libraries, settleMs, expectRoot }: PrepareOptions,
  { uid, pid, environment }: Context,
  pinning: Pinning | undefined,
  source: Source,
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
    settleMs: source.identity === undefined ? settleMs : 0, // an archive does not settle
    lockMs: Math.max(settleMs, LEAST_LOCK_MS),
    expectRoot,
  };
}

function observerOf({ settleMs }: Terms, context: Context, steps: StepClock): Observer {
  return {
    step: name => {
      steps.begin(name);
      context.detail(name);
    },
    lockWait: holder => context.notice(`another holdfast works in the store, ${holder}: waiting for it`),
    settling: reason =>
      context.notice(`${reason.message}; waiting up to ${settleMs / 1000} s for it to settle`),
  };
}

/** Another launch may well work in the store for a moment, also where an upgrade is not to be waited for. */
const LEAST_LOCK_MS = 5000;

/** What the operator should know of a snapshot that is used, and what a new one has lost. */
async function warningsOf(taken: Taken, source: Source): Promise<readonly string[]> {
  const warnings = [...taken.warnings];
  const program = taken.directory.at(taken.record.program);
  if (isScript(program)) {
    const other = (await import('../../lightning/installation/wrapper.ts')).executesAnother(program);
    if (other !== undefined) {
      warnings.push(
        `${quote(source.path)} is a script that executes ${quote(other)}: what that starts is not protected; name it in the script's place`,
      );
    }
  }
  if (taken.reused || source.identity !== undefined) return warnings;
  return [...warnings, ...(await import('./lost-by-copy.ts')).lostByCopy(taken.record)];
}

function isNoexec(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.code === 'NOEXEC';
}
