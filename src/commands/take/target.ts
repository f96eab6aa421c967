/** What `run` and `snapshot` are about: lightningd as it was named, and what its command line and configuration say. */
import { HoldfastError } from '../../errors.ts';
import type { Launch } from '../../launch/launch.ts';
import type { LightningOptions } from '../../lightning/config/lightning-options.ts';
import { readLightningOptions, refuseMissingConf } from '../../lightning/config/options.ts';
import { candidatePaths, locateLightningd } from '../../lightning/installation/locate.ts';
import { STORE_NAME } from '../../snapshot/store/layout.ts';
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

/**
 * Finds lightningd, and reads its command line and configuration. Where it is gone for a moment, this waits for it, and
 * where it lost its execute bits through a snapshot, the error says so. What waits is loaded only then.
 * @throws HoldfastError `NOT_FOUND`, `NOT_EXECUTABLE`, `CONFIG`, `USAGE`
 */
export async function findTarget(options: TimelyOptions, context: Context): Promise<Target> {
  const look = () => lookForTarget(options, context);
  try {
    return look();
  } catch (error) {
    if (!(error instanceof HoldfastError) || !GONE.has(error.code)) throw error;
    const { cwd, environment } = context;
    const paths = candidatePaths(options.lightningd ?? DEFAULT_WORD, environment, cwd);
    const launch = { cwd, home: environment.HOME };
    const { lightningDir, answersOnly } = readLightningOptions(options.args, launch, 'ours');
    const store = options.snapshotDir ?? `${lightningDir}/${STORE_NAME}`;
    const records = (await import('../../snapshot/record/find-records.ts')).recordsOf(paths, store);
    if (error.code === 'NOT_EXECUTABLE') {
      (await import('../../snapshot/record/altered.ts')).refuseAltered(error, records);
    }
    if (answersOnly) throw error;
    const sought = { paths, wasThere: records.length > 0, settleMs: options.settleMs };
    return (await import('./gone.ts')).awaitReturn(look, sought, context.notice);
  }
}

const GONE: ReadonlySet<string> = new Set(['NOT_FOUND', 'NOT_EXECUTABLE']);

/** LIGHTNINGD where the operator does not name it. */
const DEFAULT_WORD = 'lightningd';

/** As it is now. @throws HoldfastError */
function lookForTarget(options: TargetOptions, context: Context): Target {
  const lightningd = options.from ?? locate(options.lightningd, context);
  const { cwd, environment } = context;
  const lightning = readLightningOptions(options.args, { cwd, home: environment.HOME }, 'ours');
  if (lightning.missingConf === undefined) {
    for (const reason of lightning.unreadable) context.warn(`${reason}: lightningd goes on without it`);
  }
  return { lightningd, options: lightning };
}

/** The installed lightningd, by path or in PATH. @throws HoldfastError `NOT_FOUND`, `NOT_EXECUTABLE` */
export function locate(word: string | undefined, { cwd, environment, self }: Context): string {
  return locateLightningd(word ?? DEFAULT_WORD, environment, cwd, path => path === self);
}

/**
 * The installed lightningd as it is, where no snapshot is wanted: it will only answer, or say itself that its --conf file
 * is not there, in which case a snapshot would go to the wrong lightning-dir.
 * @returns undefined where a snapshot is wanted
 * @throws HoldfastError `CONFIG`: an archive has no lightningd yet that could say so, and what --use names may be any
 */
export function asInstalled(
  { lightningd, options }: Target,
  { from, use, args }: Pick<TargetOptions, 'from' | 'args'> & { readonly use?: string | undefined },
): Launch | undefined {
  const isInstalled = from === undefined && use === undefined;
  if (isInstalled && (options.answersOnly || options.missingConf !== undefined)) {
    return installedProgram(lightningd, args);
  }
  refuseMissingConf(options);
  return undefined;
}

/** The installed lightningd, started as it is. */
export function installedProgram(lightningd: string, args: readonly Buffer[]): Launch {
  return { file: lightningd, argv: [Buffer.from(lightningd), ...args] };
}
