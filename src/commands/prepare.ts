/**
 * What `run` and `snapshot` share: from lightningd's command line to a held snapshot. Finds the installation and the
 * lightning-dir, chooses the store, has the snapshot taken. Never prints: what is to be said goes to the callbacks.
 */

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { HoldfastError, quote } from '../errors.ts';
import { locateLightningd } from '../lightning/locate.ts';
import { type LightningOptions, readLightningOptions } from '../lightning/options.ts';
import { monotonicMs } from '../linux/clock.ts';
import type { FallbackOrigin } from '../snapshot/fallback.ts';
import { STORE_NAME } from '../snapshot/layout.ts';
import type { Method } from '../snapshot/placement.ts';
import type { Taken, TakeRequest } from '../snapshot/request.ts';
import { makeStore, openStore } from '../snapshot/store.ts';
import { pointTo, takeSnapshot } from '../snapshot/take.ts';
import type { World } from './world.ts';

/** What the operator asked for. */
export interface PrepareOptions {
  /** LIGHTNINGD as typed; undefined: `lightningd` */
  readonly lightningd: string | undefined;
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
  /** as found in PATH or named, absolute */
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
export function findTarget(options: PrepareOptions, world: World): Target {
  const skip = (path: string): boolean => path === world.self;
  return {
    lightningd: locateLightningd(
      options.lightningd ?? 'lightningd',
      { PATH: world.environment.PATH },
      world.cwd,
      skip,
    ),
    options: readLightningOptions(options.args, { cwd: world.cwd, home: world.environment.HOME }),
  };
}

/**
 * Takes the snapshot that this target is to run from; where the store executes nothing, in a fallback.
 * @throws HoldfastError, see takeSnapshot and chooseFallback
 */
export async function prepare(target: Target, options: PrepareOptions, world: World): Promise<Prepared> {
  const lightningd = realpathSync(target.lightningd);
  const { lightningDir } = target.options;
  warnOfOutsiders(target.options, world);
  const place = options.snapshotDir ?? `${lightningDir}/${STORE_NAME}`;
  if (!existsSync(place)) (await import('../lightning/installation.ts')).findInstallation(lightningd); // nothing is made for what is none
  const steps = new StepClock();
  const request = requestOf(lightningd, options, world, steps);
  const store = makeStore(place, world);
  try {
    return {
      taken: await takeSnapshot({ ...request, store }),
      store: place,
      fallback: undefined,
      steps: steps.end(),
    };
  } catch (error) {
    if (!isNoexec(error) || !options.fallback) throw error;
    steps.begin('fallback');
    const { chooseFallback } = await import('../snapshot/choose-fallback.ts');
    const { neededBytes } = await import('./inspect.ts');
    const choice = chooseFallback(place, { ...world, lightningDir }, neededBytes(lightningd));
    world.warn(
      `${error.message}: using ${quote(choice.path)} (${choice.origin}); holdfast noexec-check says more`,
    );
    const fallback = openStore(choice.path, world);
    const taken = await takeSnapshot({ ...request, store: fallback });
    await pointTo(store, `${choice.path}/${taken.id}`, request);
    fallback.close();
    return { taken, store: choice.path, fallback: choice.origin, steps: steps.end() };
  } finally {
    store.close();
  }
}

function isNoexec(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.code === 'NOEXEC';
}

function requestOf(
  lightningd: string,
  options: PrepareOptions,
  world: World,
  steps: StepClock,
): Omit<TakeRequest, 'store'> {
  return {
    owner: BigInt(world.uid),
    lightningd,
    bootId: readBootId(),
    method: options.method,
    gate: options.gate,
    settleMs: options.settleMs,
    expectRoot: options.expectRoot,
    pid: world.pid,
    // loaded when there is need: an unchanged launch has none
    inspect: async () => (await import('./inspect.ts')).inspect(lightningd),
    askVersions: async (directory, listing) =>
      (await import('./gate.ts')).askGate(directory, listing, options.gate),
    onLockWait: () => world.notice('another holdfast works in the store: waiting for it'),
    onSettling: reason =>
      world.notice(`${reason.message}; waiting up to ${options.settleMs / 1000} s for it to settle`),
    onStep: step => {
      steps.begin(step);
      world.detail(step);
    },
  };
}

/** The kernel's id of this boot; '' in a container that hides it: then nothing is believed without hashing. */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}

function warnOfOutsiders({ plugins, pluginDirs, subdaemons }: LightningOptions, world: World): void {
  const outsiders = [...plugins, ...pluginDirs, ...subdaemons.map(({ path }) => path)];
  if (outsiders.length === 0) return;
  world.warn(
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
