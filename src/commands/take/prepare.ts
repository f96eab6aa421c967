/**
 * What `run` and `snapshot` share: from lightningd's command line to a held snapshot. Finds the installation and the
 * lightning-dir, chooses the store, has the snapshot taken. Never prints: what is to be said goes to the callbacks.
 */

import { existsSync, realpathSync } from 'node:fs';
import type { ArchivePin } from '../../archive/checksum.ts';
import { HoldfastError, quote, systemError } from '../../errors.ts';
import { type LightningOptions, readLightningOptions } from '../../lightning/config/options.ts';
import { locateLightningd } from '../../lightning/installation/locate.ts';
import type { Directory } from '../../linux/directory.ts';
import { readBootId } from '../../linux/proc/boot-id.ts';
import { monotonicMs } from '../../linux/time.ts';
import type { FallbackOrigin } from '../../snapshot/fallback/candidates.ts';
import { STORE_NAME } from '../../snapshot/store/layout.ts';
import type { Method } from '../../snapshot/store/placement.ts';
import { makeStore, openStore } from '../../snapshot/store/store.ts';
import type { Pinning } from '../../snapshot/take/pin.ts';
import type { Taken, TakeRequest } from '../../snapshot/take/request.ts';
import { pointTo, takeSnapshot } from '../../snapshot/take/take.ts';
import type { Context } from '../context.ts';

/** What the operator asked for. */
export interface PrepareOptions {
  /** LIGHTNINGD as typed; undefined: `lightningd` */
  readonly lightningd: string | undefined;
  /** the release archive to take the installation from, absolute; `lightningd` is then undefined */
  readonly from: string | undefined;
  /** what that archive must be */
  readonly pin: ArchivePin;
  /** lightningd's arguments */
  readonly args: readonly Buffer[];
  readonly snapshotDir: string | undefined;
  readonly method: Method;
  readonly fallback: boolean;
  readonly gate: boolean;
  readonly settleMs: number;
  readonly expectRoot: string | undefined;
}

/** lightningd as named, and what its arguments say. */
export interface Target {
  /** as found in PATH or named, or the release archive; absolute */
  readonly lightningd: string;
  readonly options: LightningOptions;
}

/** How long one step took, ms. */
export interface StepTime {
  readonly step: string;
  readonly ms: number;
}

/** A held snapshot, and how it came about. */
export interface Prepared {
  readonly taken: Taken;
  /** the directory that holds the snapshot */
  readonly store: string;
  /** where the store comes from when the one asked for executes nothing */
  readonly fallback: FallbackOrigin | undefined;
  readonly steps: readonly StepTime[];
}

/** Finds lightningd, and reads its command line and configuration. @throws HoldfastError */
export function findTarget(options: PrepareOptions, context: Context): Target {
  const skip = (path: string): boolean => path === context.self;
  const locate = () =>
    locateLightningd(
      options.lightningd ?? 'lightningd',
      { PATH: context.environment.PATH },
      context.cwd,
      skip,
    );
  return {
    lightningd: options.from ?? locate(),
    options: readLightningOptions(options.args, { cwd: context.cwd, home: context.environment.HOME }),
  };
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
  const source =
    options.from === undefined
      ? undefined
      : await (await import('./archive-source.ts')).openSource(options.from, options.pin, context);
  const lightningd = source?.path ?? realPathOf(target.lightningd);
  const { lightningDir } = target.options;
  warnOfOutsiders(target.options, context);
  const place = options.snapshotDir ?? `${lightningDir}/${STORE_NAME}`;
  if (!existsSync(place) && source === undefined)
    (await import('../../lightning/installation/installation.ts')).findInstallation(lightningd); // nothing is made for what is none
  const steps = new StepClock();
  const request = {
    ...requestOf(lightningd, options, context, steps),
    ...source?.requestParts(options.gate),
    pinning,
  };
  const take = async (from: Directory) => {
    try {
      const taken = await takeSnapshot({ ...request, store: from });
      if (!taken.reused && source === undefined) {
        for (const line of (await import('./lost-by-copy.ts')).lostByCopy(taken.record)) context.warn(line);
      }
      return taken;
    } finally {
      source?.letGo();
    }
  };
  const store = makeStore(place, context);
  try {
    return {
      taken: await take(store),
      store: place,
      fallback: undefined,
      steps: steps.end(),
    };
  } catch (error) {
    if (!isNoexec(error) || !options.fallback) throw error;
    steps.begin('fallback');
    const { chooseFallback } = await import('../../snapshot/fallback/choose.ts');
    const choice = chooseFallback(
      place,
      { ...context, lightningDir },
      source?.neededBytes() ?? (await import('./installation-source.ts')).neededBytes(lightningd),
    );
    context.warn(
      `${error.message}: using ${quote(choice.path)} (${choice.origin}); holdfast noexec-check says more`,
    );
    const fallback = openStore(choice.path, context);
    const taken = await take(fallback);
    await pointTo(store, `${choice.path}/${taken.id}`, request);
    fallback.close();
    return { taken, store: choice.path, fallback: choice.origin, steps: steps.end() };
  } finally {
    source?.close();
    store.close();
  }
}

/** A snapshot would go to the wrong lightning-dir. @throws HoldfastError `CONFIG` */
export function refuseMissingConf({ missingConf }: LightningOptions): void {
  if (missingConf === undefined) return;
  throw new HoldfastError('CONFIG', `there is no configuration file ${quote(missingConf)}`, {
    path: missingConf,
  });
}

/** Links resolved; it was there a moment ago. @throws HoldfastError `SYSTEM` */
function realPathOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    throw systemError('find', path, error);
  }
}

function isNoexec(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.code === 'NOEXEC';
}

function requestOf(
  lightningd: string,
  options: PrepareOptions,
  context: Context,
  steps: StepClock,
): Omit<TakeRequest, 'store'> {
  return {
    owner: BigInt(context.uid),
    lightningd,
    bootId: readBootId(),
    method: options.method,
    gate: options.gate,
    settleMs: options.settleMs,
    expectRoot: options.expectRoot,
    pid: context.pid,
    // loaded when there is need: an unchanged launch has none
    inspect: async () => (await import('./installation-source.ts')).inspect(lightningd),
    askVersions: async (directory, listing) =>
      (await import('./gate.ts')).askGate(directory, listing, options.gate),
    onLockWait: () => context.notice('another holdfast works in the store: waiting for it'),
    onSettling: reason =>
      context.notice(`${reason.message}; waiting up to ${options.settleMs / 1000} s for it to settle`),
    onStep: step => {
      steps.begin(step);
      context.detail(step);
    },
  };
}

function warnOfOutsiders({ plugins, pluginDirs, subdaemons }: LightningOptions, context: Context): void {
  const outsiders = [...plugins, ...pluginDirs, ...subdaemons.map(({ path }) => path)];
  if (outsiders.length === 0) return;
  context.warn(
    `configured plugins and subdaemons run from where they are, not from the snapshot: ${outsiders.map(quote).join(', ')}`,
  );
}

/** Notes how long each step took; a step that comes again is added to itself. */
class StepClock {
  readonly #ms = new Map<string, number>();
  #current = 'find';
  #since = monotonicMs();

  begin(step: string): void {
    const now = monotonicMs();
    this.#ms.set(this.#current, (this.#ms.get(this.#current) ?? 0) + now - this.#since);
    this.#current = step;
    this.#since = now;
  }

  end(): StepTime[] {
    this.begin('end');
    return [...this.#ms].map(([step, ms]) => ({ step, ms: Math.round(ms * 1000) / 1000 }));
  }
}
