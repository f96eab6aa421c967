/**
 * `run --confine`: lightningd and all that descends from it may execute the snapshot, and what its configuration names;
 * the kernel refuses all else (linux/landlock.ts).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, HoldfastError, quote } from '../errors.ts';
import type { LightningOptions } from '../lightning/config/lightning-options.ts';
import { findInPath, interpretersOf } from '../lightning/installation/interpreters.ts';
import { namesIn, statOf } from '../linux/files/look.ts';
import { allowsMoves, ExecutionRules, landlockVersion } from '../linux/process/landlock.ts';
import { isHeldLibrary } from '../snapshot/store/layout.ts';
import type { Taken } from '../snapshot/take/terms.ts';
import { type Allowed, writeList } from './confinement-list.ts';
import type { Context } from './context.ts';

/** What the operator asked for. */
export interface ConfineOptions {
  /** without Landlock: `true` fails, `best-effort` warns */
  readonly mode: true | 'best-effort';
  /** `--allow-exec`; absolute */
  readonly allowExec: readonly string[];
}

/** What may be executed, beside what the configuration names. */
export interface Confined {
  readonly taken: Pick<Taken, 'directory' | 'record' | 'pins'>;
  /** absolute */
  readonly snapshot: string;
  /** what `subdaemon=` means outside of it */
  readonly subdaemons: readonly string[];
  /** as the operator named it */
  readonly allowExec: readonly string[];
}

/** Rules that are ready, and the descriptor of their list, close-on-exec. */
export interface Confinement {
  readonly list: number;
  /** see ExecutionRules.enforce */
  readonly enforce: () => void;
}

/** glibc's, where PATH is not set (locate.ts). */
const DEFAULT_PATH = '/bin:/usr/bin';

/**
 * Asks whether this kernel can confine, before anything is made.
 * @returns the version of its Landlock; undefined where there is none and `best-effort` was asked for, with a warning
 * @throws HoldfastError `UNSUPPORTED`; `USAGE` for an --allow-exec that is not there
 */
export function askLandlock({ mode, allowExec }: ConfineOptions, context: Context): number | undefined {
  const missing = allowExec.find(path => !existsSync(path));
  if (missing !== undefined) {
    const message = `--allow-exec=${missing}: there is no such file or directory`;
    throw new HoldfastError('USAGE', message, { path: missing });
  }
  const version = versionOrWhyNot();
  if (typeof version === 'number') {
    if (!allowsMoves(version)) context.warn(NO_MOVES);
    return version;
  }
  if (mode === 'best-effort') {
    context.warn(`${version}: lightningd is not confined`);
    return undefined;
  }
  throw new HoldfastError('UNSUPPORTED', `cannot confine lightningd: ${version}`, {
    hint: [
      'Linux 5.13 or newer has Landlock, where lsm= of the kernel command line does not leave it out',
      'to go on without where it is not to be had: --confine=best-effort',
    ],
  });
}

const NO_MOVES =
  'the Landlock of this kernel denies every rename and link between directories with it (EXDEV): recover fails, and ' +
  'so does any plugin that moves files; Linux 5.19 and newer denies none';

function versionOrWhyNot(): number | string {
  try {
    return landlockVersion();
  } catch (error) {
    const errno = errnoOf(error);
    return errno === 'EOPNOTSUPP'
      ? 'Landlock is not enabled in this kernel (EOPNOTSUPP)'
      : `this kernel has no Landlock, or a filter hides it (${errno})`;
  }
}

/**
 * Makes the rules for a snapshot that was taken: it as a whole, what is allowed beside it, and the interpreters of all these.
 * @throws HoldfastError `SYSTEM`
 */
export function confine(
  version: number,
  { taken, snapshot, subdaemons, allowExec }: Confined,
  lightning: LightningOptions,
  context: Context,
): Confinement {
  const { directory, record, pins = [] } = taken;
  const searchPath = context.environment.PATH ?? DEFAULT_PATH;
  const wanted = [
    ...configured(lightning, subdaemons, searchPath),
    ...allowExec.map(path => ({ path, why: '--allow-exec' })),
  ];
  const beside = wanted.filter(one => isThere(one, context));
  const programs = [
    ...record.files.filter(({ path }) => !isHeldLibrary(path)).map(({ path }) => join(snapshot, path)),
    ...beside.flatMap(({ path }) => programsAt(path)),
  ];
  const interpreters = programs
    .filter(isExecutable)
    .flatMap(program =>
      interpretersOf(program, searchPath).map(path => ({ path, why: `interpreter of ${program}` })),
    )
    .filter(({ path }) => existsSync(path)); // else: its script does not start anyway
  const others = new Map([...beside, ...interpreters].reverse().map(one => [one.path, one])); // the first reason counts
  const rules = new ExecutionRules(version);
  rules.allow(directory.fd);
  for (const { fd } of pins) rules.allow(fd);
  for (const path of others.keys()) rules.allow(path);
  const allowed = [{ path: snapshot, why: 'the snapshot' }, ...others.values()];
  for (const { path, why } of allowed) context.detail(`may be executed: ${quote(path)} (${why})`);
  return { list: writeList(allowed), enforce: () => rules.enforce() };
}

/** What may be executed beside the snapshot; what is named and is not there is said in a warning. */
function isThere({ path, why }: Allowed, context: Context): boolean {
  if (existsSync(path)) return true;
  context.warn(`${quote(path)} (${why}) is not there, and may not be executed if it comes later`);
  return false;
}

/** What lightningd itself executes outside of its installation (plugin.c, subd.c), and bcli (bcli.c). */
function configured(options: LightningOptions, outside: readonly string[], searchPath: string): Allowed[] {
  const { lightningDir, plugins, pluginDirs, bitcoinCli } = options;
  const own = join(lightningDir, 'plugins');
  const cli = bitcoinCli.includes('/') ? bitcoinCli : findInPath(bitcoinCli, searchPath);
  return [
    ...plugins.map(path => ({ path, why: 'plugin=' })),
    ...pluginDirs.map(path => ({ path, why: 'plugin-dir=' })),
    ...(existsSync(own) ? [{ path: own, why: "the lightning-dir's plugins" }] : []),
    // a path that is still relative leads nowhere, which lightningd reports itself
    ...outside.filter(path => path.startsWith('/')).map(path => ({ path, why: 'subdaemon=' })),
    ...(cli === undefined ? [] : [{ path: cli, why: 'bcli' }]),
  ];
}

/** The programs that a rule for this path lets start: itself, or those in it and one level below (plugin.c). */
function programsAt(path: string): string[] {
  if (statOf(path)?.isDirectory() !== true) return [path];
  return namesIn(path).flatMap(name => {
    const entry = join(path, name);
    return statOf(entry)?.isDirectory() === true ? namesIn(entry).map(below => join(entry, below)) : [entry];
  });
}

function isExecutable(path: string): boolean {
  return ((statOf(path)?.mode ?? 0) & 0o111) !== 0;
}
