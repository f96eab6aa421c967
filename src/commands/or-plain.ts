/**
 * `run --or-plain`: where no snapshot can be had, the installed lightningd is started as it is, as if holdfast were not
 * there. Never where a check has said no, and never where the operator said what it must be.
 */
import { type ErrorCode, HoldfastError, quote } from '../errors.ts';
import type { Inherited } from '../launch/inherited.ts';
import { launch } from '../launch/launch.ts';
import type { Context } from './context.ts';
import { installedProgram, locate, type TargetOptions } from './take/target.ts';

/** What was asked of the launch that failed. */
export interface FailedLaunch extends TargetOptions {
  readonly expectRoot: string | undefined;
  /** undefined: it was not to be confined */
  readonly confine: object | undefined;
}

/** What a check has found wrong: to start it all the same would make the check worthless. */
const REFUSED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'GATE', // half of an upgrade, a library that is missing
  'ROOT_MISMATCH',
  'DIFFERS',
  'ARCHIVE',
  'USAGE',
]);

/** The snapshot was there, and could not be executed. */
const AT_THE_EXEC: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['NOT_FOUND', 'NOT_EXECUTABLE']);

/**
 * Becomes the installed lightningd, after a warning that says why.
 * @throws the error itself, where it is to be no reason for that, or where there is no lightningd that can be executed
 */
export function startPlain(
  error: unknown,
  options: FailedLaunch,
  context: Context,
  inherited: Inherited,
): never {
  if (!isReason(error, options)) throw error;
  const lightningd = locateOr(error, options, context);
  const reason = error instanceof Error ? error.message : String(error);
  context.warn(`${reason}: no snapshot, and ${quote(lightningd)} is started as it is (--or-plain)`);
  context.warn('an upgrade of the installation will reach this node while it runs');
  return launch(installedProgram(lightningd, options.args), inherited);
}

/** What is to be started; where there is nothing to be executed, the launch has said why. @throws `error` */
function locateOr(error: unknown, { lightningd }: FailedLaunch, context: Context): string {
  try {
    return locate(lightningd, context);
  } catch {
    throw error;
  }
}

function isReason(error: unknown, { from, expectRoot, confine }: FailedLaunch): boolean {
  if (from !== undefined || expectRoot !== undefined) return false; // what is installed was not asked for, or not checked
  if (!(error instanceof HoldfastError)) return true; // a fault of holdfast's own, which is no reason not to run
  if (AT_THE_EXEC.has(error.code)) return confine === undefined; // else the kernel refuses the installed one by now
  return !REFUSED.has(error.code);
}
