/** The options of `run` alone, from words to values. Pure. */
import type { ConfineOptions } from '../commands/confine.ts';
import type { OnUpgradeOptions } from '../commands/upgrade/supervisor.ts';
import { parseWindow } from '../commands/upgrade/window.ts';
import { HoldfastError } from '../errors.ts';
import { type CommandName, commandSpecs, ON_UPGRADE, type OptionName } from './table.ts';
import { absolute, type CommandRequest } from './take-options.ts';
import type { GivenOptions } from './words.ts';

/** `--confine` and `--allow-exec`. @throws HoldfastError `USAGE` */
export function readConfine(
  { confine, 'allow-exec': allowExec }: GivenOptions,
  cwd: string,
): ConfineOptions | undefined {
  if (confine === undefined) {
    if (allowExec === undefined) return undefined;
    throw new HoldfastError('USAGE', '--allow-exec says what --confine is to allow', {
      hint: 'holdfast run --confine --allow-exec=PATH lightningd …',
    });
  }
  if (confine !== true && confine !== 'best-effort') {
    throw new HoldfastError('USAGE', `--confine=${confine} is not --confine or --confine=best-effort`);
  }
  return { mode: confine, allowExec: valuesOf(allowExec).map(path => absolute(path, cwd) ?? path) };
}

/** `--on-upgrade`, `--restart-window` and `--restart-if`. @throws HoldfastError `USAGE` */
export function readOnUpgrade(request: CommandRequest): OnUpgradeOptions | undefined {
  const {
    'on-upgrade': mode,
    'restart-window': windowText,
    'restart-if': veto,
    method,
    from,
  } = request.options;
  const isRestart = mode === 'restart';
  if (!isRestart && (windowText !== undefined || veto !== undefined)) {
    throw new HoldfastError('USAGE', '--restart-window and --restart-if go with --on-upgrade=restart');
  }
  if (mode === undefined) return undefined;
  const known = ON_UPGRADE.find(word => word === mode);
  if (known === undefined) {
    throw new HoldfastError('USAGE', `--on-upgrade=${mode} is none of ${ON_UPGRADE.join(', ')}`);
  }
  if (from !== undefined) {
    throw new HoldfastError(
      'USAGE',
      '--from and --on-upgrade exclude each other: an archive is not upgraded',
    );
  }
  if (method === 'pin') {
    throw new HoldfastError(
      'USAGE',
      '--method=pin and --on-upgrade exclude each other: a new version is taken before the old one is stopped',
    );
  }
  const window = typeof windowText === 'string' ? parseWindow(windowText) : undefined;
  if (windowText !== undefined && window === undefined) {
    throw new HoldfastError('USAGE', `--restart-window=${windowText} is no time of day: 03:00-05:00`);
  }
  return {
    mode: known,
    window,
    veto: typeof veto === 'string' ? veto : undefined,
    runWords: wordsOf('run', request),
    snapshotWords: [...wordsOf('snapshot', request, ['--json', '--settle=30'])],
  };
}

/** The options that only the parent knows. */
const NOT_PASSED_ON: ReadonlySet<OptionName> = new Set(['on-upgrade', 'restart-window', 'restart-if']);

/** The words of another command that does what this request asks for. */
function wordsOf(
  command: CommandName,
  { options, lightningd, operands }: CommandRequest,
  more: readonly string[] = [],
) {
  const allowed: readonly OptionName[] = commandSpecs[command].options;
  const words = allowed
    .filter(name => !NOT_PASSED_ON.has(name) && !more.some(word => word.startsWith(`--${name}=`)))
    .flatMap(name => {
      const value = options[name];
      if (value === undefined) return [];
      return value === true ? [`--${name}`] : valuesOf(value).map(one => `--${name}=${one}`);
    });
  const own = [command, ...words, ...more, '--'].map(word => Buffer.from(word));
  return [...own, ...(lightningd === undefined ? [] : [lightningd]), ...operands];
}

/** The values of an option that may be given more than once (table.ts). */
function valuesOf(value: string | true | undefined): string[] {
  return typeof value === 'string' ? value.split('\0') : [];
}
