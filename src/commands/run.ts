/** `holdfast run`: takes the snapshot and becomes its lightningd, or with --on-upgrade the parent of one. */
import { quote } from '../errors.ts';
import type { Inherited } from '../launch/inherited.ts';
import { launch, type Program } from '../launch/launch.ts';
import { absoluteLightningDirArgs } from '../lightning/config/options.ts';
import { searchedDirectory } from '../snapshot/libraries/searched-directory.ts';
import type { ConfineOptions } from './confine.ts';
import type { Context } from './context.ts';
import { launchLine } from './launch-line.ts';
import { foreignOwner } from './take/foreign-owner.ts';
import { type PrepareOptions, prepare } from './take/prepare.ts';
import { findTargetInTime, refuseMissingConf, type Target } from './take/target.ts';
import type { OnUpgradeOptions, RunEnd } from './upgrade/supervisor.ts';

/** What the operator asked of a launch. */
export interface RunOptions extends PrepareOptions {
  readonly confine: ConfineOptions | undefined;
  readonly onUpgrade: OnUpgradeOptions | undefined;
  /** the snapshot to run, whatever is installed: its name in the store, or its path, absolute */
  readonly use: string | undefined;
  /** start the installed lightningd as it is where no snapshot can be had */
  readonly orPlain: boolean;
}

/**
 * Runs lightningd from a snapshot: same PID, argv[0] its absolute path in there. Where it would only answer
 * (`--version` and the like), the installed one is executed as it is, and nothing is made.
 * @returns with --on-upgrade how lightningd ended; else never
 * @throws HoldfastError `NOT_FOUND`, `NOT_EXECUTABLE`, or why holdfast itself failed
 */
export async function run(options: RunOptions, context: Context, inherited: Inherited): Promise<RunEnd> {
  try {
    return await findAndBecome(options, context, inherited);
  } catch (error) {
    if (!options.orPlain) throw error;
    return (await import('./or-plain.ts')).startPlain(error, options, context, inherited);
  }
}

async function findAndBecome(options: RunOptions, context: Context, inherited: Inherited): Promise<RunEnd> {
  const target = await findTargetInTime({ ...options, from: options.use ?? options.from }, context);
  const lightning = target.options;
  // lightningd will only answer, or say itself that its --conf file is not there: a snapshot would go to the wrong place
  const isForInstalled = lightning.answersOnly || lightning.missingConf !== undefined;
  const asInstalled = isForInstalled && options.from === undefined && options.use === undefined;
  if (!asInstalled) refuseMissingConf(lightning); // an archive has no lightningd yet that could say so; --use may name any
  if (!asInstalled && options.onUpgrade !== undefined) {
    const { refuseWhatLeaves, runUntilItEnds } = await import('./upgrade/supervisor.ts');
    refuseWhatLeaves(lightning.daemon, inherited);
    return runUntilItEnds(options.onUpgrade, target.lightningd, lightning, context, inherited);
  }
  const program = asInstalled
    ? { file: target.lightningd, argv: [Buffer.from(target.lightningd), ...options.args] }
    : await takeProgram(target, options, context, inherited);
  return launch(program, inherited);
}

/** Takes the snapshot, or holds the one that --use names. @returns its lightningd, ready to be launched */
async function takeProgram(
  target: Target,
  options: RunOptions,
  context: Context,
  inherited: Inherited,
): Promise<Program> {
  const lightning = target.options;
  warnOfForeignDirectory(lightning.lightningDir, context);
  const landlock = options.confine && (await import('./confine.ts')).askLandlock(options.confine, context);
  const pinning =
    options.method === 'pin'
      ? await (await import('./take/pinning.ts')).pinningFor(lightning.daemon, options.from, inherited)
      : undefined;
  const { taken, store, args, subdaemons } =
    options.use === undefined
      ? await prepare(target, options, context, pinning)
      : await (await import('./take/use-snapshot.ts')).useSnapshot(options.use, target, options, context);
  const snapshot = `${store}/${taken.id}`;
  const file = `${snapshot}/${taken.record.program}`;
  const confined = { taken, snapshot, subdaemons, allowExec: options.confine?.allowExec ?? [] };
  const confinement =
    landlock === undefined
      ? undefined
      : (await import('./confine.ts')).confine(landlock, confined, lightning, context);
  const pins = taken.pins?.map(({ fd }) => fd) ?? [];
  context.journal?.(launchLine(taken, snapshot));
  context.detail(`executing ${quote(file)} (${taken.record.version}, root ${taken.record.root})`);
  return {
    file,
    argv: [Buffer.from(file), ...absoluteLightningDirArgs(args, context.cwd)],
    liveLock: taken.directory.fd,
    libraryPath:
      options.libraries === 'leave'
        ? undefined
        : searchedDirectory(taken.record.files, taken.pins !== undefined, snapshot),
    keepOpen: confinement === undefined ? pins : [...pins, confinement.list],
    atLast: confinement?.enforce,
  };
}

/** lightningd started by root goes on in another user's lightning-dir, and so do we, but not in silence. */
function warnOfForeignDirectory(lightningDir: string, context: Context): void {
  const name = foreignOwner(lightningDir, context.uid);
  if (name === undefined) return;
  context.warn(
    `running as root in the lightning-dir of ${name}: what root makes there will be in that user's way`,
  );
}
