/** The options of `run` alone, from words to values. Pure. */
import type { ConfineOptions } from '../commands/confine.ts';
import type { OnUpgradeOptions } from '../commands/upgrade/supervisor.ts';
import { parseWindow, type RestartWindow } from '../commands/upgrade/window.ts';
import { HoldfastError } from '../errors.ts';
import { type CommandName, commandSpecs, ON_UPGRADE, type OptionName } from './table.ts';
import { absolute, type CommandRequest, readSettle } from './take-options.ts';
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

/** `--use`. @throws HoldfastError `USAGE` */
export function readUse(options: GivenOptions, cwd: string): string | undefined {
  const { use } = options;
  if (use === undefined) return undefined;
  const other = (['from', 'on-upgrade', 'method'] as const).find(name => options[name] !== undefined);
  if (other !== undefined) {
    throw new HoldfastError(
      'USAGE',
      `--use and --${other} exclude each other: what is there is run as it is`,
    );
  }
  return typeof use === 'string' && !use.includes('/') ? use : absolute(use, cwd); // a name in the store, or a path
}

/** `--or-plain`. @throws HoldfastError `USAGE` */
export function readOrPlain(options: GivenOptions): boolean {
  if (options['or-plain'] === undefined) return false;
  const other = (['use', 'on-upgrade'] as const).find(name => options[name] !== undefined);
  if (other !== undefined) {
    throw new HoldfastError('USAGE', `--or-plain and --${other} exclude each other: that needs a snapshot`);
  }
  return true;
}

/** `--on-upgrade`, and what goes with it. @throws HoldfastError `USAGE` */
export function readOnUpgrade(request: CommandRequest): OnUpgradeOptions | undefined {
  const { options } = request;
  const { 'on-upgrade': mode, 'restart-if': veto, settle } = options;
  const alone = RESTART_ONLY.find(name => options[name] !== undefined);
  if (mode !== 'restart' && alone !== undefined) {
    throw new HoldfastError(
      'USAGE',
      '--restart-window, --restart-if and --graceful go with --on-upgrade=restart',
    );
  }
  if (mode === undefined) return undefined;
  const known = ON_UPGRADE.find(word => word === mode);
  if (known === undefined) {
    throw new HoldfastError('USAGE', `--on-upgrade=${mode} is none of ${ON_UPGRADE.join(', ')}`);
  }
  refuseWhatExcludes(options);
  return {
    mode: known,
    window: readWindow(options['restart-window']),
    veto: typeof veto === 'string' ? veto : undefined,
    gracefulSeconds: readGraceful(options.graceful),
    settleMs: readSettle(settle),
    runWords: wordsOf('run', request),
    useWords: snapshot => wordsOf('run', request, [`--use=${snapshot}`], ['method']),
    snapshotWords: wordsOf('snapshot', request, ['--json']),
  };
}

/** @throws HoldfastError `USAGE` */
function refuseWhatExcludes({ method, from }: GivenOptions): void {
  if (from !== undefined) {
    throw new HoldfastError(
      'USAGE',
      '--from and --on-upgrade exclude each other: an archive is not upgraded',
    );
  }
  if (method !== 'pin') return;
  throw new HoldfastError(
    'USAGE',
    '--method=pin and --on-upgrade exclude each other: a new version is taken before the old one is stopped',
  );
}

/** @throws HoldfastError `USAGE` */
function readWindow(value: string | true | undefined): RestartWindow | undefined {
  const window = typeof value === 'string' ? parseWindow(value) : undefined;
  if (value === undefined || window !== undefined) return window;
  throw new HoldfastError('USAGE', `--restart-window=${value} is no time of day: 03:00-05:00`);
}

/** As upstream's unit has it (contrib/init/lightningd.service of v26.06). */
const DEFAULT_GRACEFUL_S = 20;

/** `--graceful`, s. @throws HoldfastError `USAGE` */
function readGraceful(value: string | true | undefined): number {
  if (value === undefined) return DEFAULT_GRACEFUL_S;
  if (typeof value === 'string' && /^\d{1,5}$/.test(value)) return Number(value);
  throw new HoldfastError('USAGE', `--graceful=${value} is no whole number of seconds`);
}

/** What only a restart has. */
const RESTART_ONLY = ['restart-window', 'restart-if', 'graceful'] as const;

/** The options that only the parent knows. */
const NOT_PASSED_ON: ReadonlySet<OptionName> = new Set(['on-upgrade', ...RESTART_ONLY]);

/** The words of another command that does what this request asks for. */
function wordsOf(
  command: CommandName,
  { options, lightningd, operands }: CommandRequest,
  more: readonly string[] = [],
  less: readonly OptionName[] = [],
): Buffer[] {
  const allowed: readonly OptionName[] = commandSpecs[command].options;
  const words = allowed
    .filter(name => !NOT_PASSED_ON.has(name) && !less.includes(name))
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
