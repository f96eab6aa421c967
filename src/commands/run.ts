/** `holdfast run`: takes the snapshot and becomes its lightningd. With --on-upgrade it is upgrade/stay.ts instead. */
import { quote } from '../errors.ts';
import type { Inherited } from '../launch/inherited.ts';
import { type Launch, launch } from '../launch/launch.ts';
import { absoluteLightningDirArgs } from '../lightning/config/options.ts';
import { searchedDirectory } from '../snapshot/libraries/searched-directory.ts';
import type { ConfineOptions } from './confine.ts';
import type { Context } from './context.ts';
import { launchLine } from './launch-line.ts';
import { foreignOwner, warnOfForeignStore } from './take/foreign-owner.ts';
import { type PrepareOptions, prepare } from './take/prepare.ts';
import { asInstalled, findTarget, type Target } from './take/target.ts';

/** What the operator asked of a launch. */
export interface RunOptions extends PrepareOptions {
  readonly confine: ConfineOptions | undefined;
  /** start the installed lightningd as it is where no snapshot can be had */
  readonly orPlain: boolean;
}

/**
 * Runs lightningd from a snapshot: same PID, argv[0] its absolute path in there. Where it would only answer
 * (`--version` and the like), the installed one is executed as it is, and nothing is made.
 * @throws HoldfastError `NOT_FOUND`, `NOT_EXECUTABLE`, or why holdfast itself failed
 */
export async function run(options: RunOptions, context: Context, inherited: Inherited): Promise<never> {
  try {
    const target = await findTarget({ ...options, from: options.use ?? options.from }, context);
    const program = asInstalled(target, options) ?? (await takeProgram(target, options, context, inherited));
    return launch(program, inherited);
  } catch (error) {
    if (!options.orPlain) throw error;
    return (await import('./or-plain.ts')).startPlain(error, options, context, inherited);
  }
}

/** Takes the snapshot, or holds the one that --use names. @returns its lightningd, ready to be launched */
async function takeProgram(
  target: Target,
  options: RunOptions,
  context: Context,
  inherited: Inherited,
): Promise<Launch> {
  const lightning = target.options;
  warnOfForeignDirectory(lightning.lightningDir, options.snapshotDir, context);
  const landlock = options.confine && (await import('./confine.ts')).askLandlock(options.confine, context);
  const pinning =
    options.method === 'pin'
      ? await (await import('./take/pinning.ts')).pinningFor(lightning.daemon, options.from, inherited)
      : undefined;
  const { taken, store, args, subdaemons } = await prepare(target, options, context, pinning);
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

/** lightningd, started by root, works in another user's lightning-dir without a word. So do we, with a warning. */
function warnOfForeignDirectory(lightningDir: string, store: string | undefined, context: Context): void {
  const name = foreignOwner(lightningDir, context.uid);
  if (name === undefined) {
    if (store !== undefined) warnOfForeignStore(store, context);
    return;
  }
  context.warn(
    `running as root in the lightning-dir of ${name}: what root makes there will be in that user's way`,
  );
}
