/** What `run` and `snapshot` are about: lightningd as it was named, and what its command line and configuration say. */
import { HoldfastError, quote } from '../../errors.ts';
import type { LightningOptions } from '../../lightning/config/lightning-options.ts';
import { readLightningOptions } from '../../lightning/config/options.ts';
import { locateLightningd } from '../../lightning/installation/locate.ts';
import type { Context } from '../context.ts';

/** How the operator named it. */
export interface TargetOptions {
  /** LIGHTNINGD as typed; undefined: `lightningd` */
  readonly lightningd: string | undefined;
  /** the release archive to take the installation from, absolute; `lightningd` is then undefined */
  readonly from: string | undefined;
  /** lightningd's arguments */
  readonly args: readonly Buffer[];
}

/** How long to wait for one that is gone for a moment, and where a snapshot of it may be. */
export interface TimelyOptions extends TargetOptions {
  readonly settleMs: number;
  readonly snapshotDir: string | undefined;
}

/** lightningd as named, and what its arguments say. */
export interface Target {
  /** as found in PATH or named, or the release archive; absolute */
  readonly lightningd: string;
  readonly options: LightningOptions;
}

/** Finds lightningd, and reads its command line and configuration. @throws HoldfastError */
export function findTarget({ lightningd, from, args }: TargetOptions, context: Context): Target {
  const { cwd, environment } = context;
  const found = from ?? locate({ lightningd }, context);
  const options = readLightningOptions(args, { cwd, home: environment.HOME }, 'ours');
  if (options.missingConf === undefined) {
    for (const reason of options.unreadable) context.warn(`${reason}: lightningd goes on without it`);
  }
  return { lightningd: found, options };
}

/** The installed lightningd, by path or in PATH. @throws HoldfastError `NOT_FOUND`, `NOT_EXECUTABLE` */
export function locate(
  { lightningd }: Pick<TargetOptions, 'lightningd'>,
  { cwd, environment, self }: Context,
): string {
  const skip = (path: string): boolean => path === self;
  return locateLightningd(lightningd ?? 'lightningd', { PATH: environment.PATH }, cwd, skip);
}

/** A snapshot would go to the wrong lightning-dir. @throws HoldfastError `CONFIG` */
export function refuseMissingConf({ missingConf, unreadable }: LightningOptions): void {
  if (missingConf === undefined) return;
  const message = unreadable[0] ?? `there is no configuration file ${quote(missingConf)}`;
  throw new HoldfastError('CONFIG', message, { path: missingConf });
}
