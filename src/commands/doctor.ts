/**
 * `holdfast doctor`: all that holdfast leans on, looked at one by one, each with what was found and what to do about it.
 * Changes nothing; of the store's directory it moves the times, as noexec-check does. A look that fails is a finding.
 */
import { errnoWords, HoldfastError } from '../errors.ts';
import { stableHoldfast } from './adopt/programs.ts';
import { Systemd } from './adopt/systemctl.ts';
import { unitName } from './adopt/unit.ts';
import type { Context } from './context.ts';
import {
  checkKernel,
  checkKoffi,
  checkLandlock,
  checkNode,
  checkProc,
  checkShell,
  type NodeFacts,
} from './doctor/machine.ts';
import { checkLightningd, checkPath, checkRoom, checkStore } from './doctor/node-place.ts';
import { type DoctorCheckName, type DoctorFinding, type DoctorReport, problem } from './doctor/report.ts';
import { checkHooks, checkUnit } from './doctor/surroundings.ts';
import { type NodeOptions, nodeDirectory } from './node-directory.ts';
import type { NoexecReport } from './noexec/report.ts';
import { noexecCheck } from './noexec-check.ts';

/** Whose node is meant. */
export interface DoctorOptions extends NodeOptions {
  /** as typed; undefined: lightningd.service */
  readonly unit: string | undefined;
  readonly isUser: boolean;
  readonly node: NodeFacts;
}

/** Looks at everything. @throws HoldfastError `USAGE` for a UNIT that is none; `CONFIG` */
export function doctor(options: DoctorOptions, context: Context): DoctorReport {
  const unit = unitName(options.unit ?? 'lightningd.service');
  const { lightningDir, store } = nodeDirectory(options, context, 'configuration');
  let known: NoexecReport | undefined;
  const noexec = (): NoexecReport => {
    known ??= noexecCheck({ directories: [], store, lightningDir, lightningd: undefined }, context);
    return known;
  };
  const checks: Readonly<Record<DoctorCheckName, () => DoctorFinding>> = {
    node: () => checkNode(options.node),
    koffi: checkKoffi,
    shell: () => checkShell(context),
    proc: checkProc,
    kernel: () => checkKernel(context),
    landlock: checkLandlock,
    path: () => checkPath(stableHoldfast(context), context),
    lightningd: () => checkLightningd(noexec()),
    store: () => checkStore(noexec(), lightningDir, context),
    room: () => checkRoom(noexec()),
    unit: () => checkUnit(new Systemd(context, options.isUser), unit, context),
    hooks: () => checkHooks(context.self),
  };
  const found = Object.entries(checks).map(([name, check]) => ({
    name: name as DoctorCheckName, // the record has no others
    ...attempt(check),
  }));
  return { verdict: found.some(({ level }) => level === 'problem') ? 'finding' : 'ok', checks: found };
}

/** One that fails must not hide the others. */
function attempt(check: () => DoctorFinding): DoctorFinding {
  try {
    return check();
  } catch (error) {
    if (error instanceof HoldfastError) return problem(error.message, ...error.hints);
    return problem(`it could not be looked at: ${errnoWords(error)}`);
  }
}
