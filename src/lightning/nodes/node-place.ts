/**
 * Which lightning-dir and network a running lightningd serves. Its working directory tells: lightningd changes to
 * `<lightning-dir>/<network>` when it starts (lightningd.c) and stays there. Where that may not be read, or it is not there yet, its
 * command line does. Never guesses: what neither tells is undefined.
 */
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import { inodeKey } from '../../linux/proc/image.ts';
import { type Process, sharesOurMounts, workingDirectoryOf } from '../../linux/proc/processes.ts';
import type { Program } from '../../linux/proc/program.ts';
import type { LightningOptions } from '../config/lightning-options.ts';
import { readLightningOptions } from '../config/options.ts';
import type { LaunchContext } from '../config/settings.ts';

/** Where a node keeps its data. */
export interface NodePlace {
  /** Absolute, in the mount namespace of the node. */
  readonly lightningDir: string;
  readonly network: string;
  /** Device and inode of the lightning-dir: the same from every mount namespace. Undefined where it may not be read. */
  readonly key: string | undefined;
}

/** What lies in or beside a network directory that a node uses. */
const MARKS = ['lightning-rpc', 'hsm_secret', 'lightningd.sqlite3'];

/**
 * By its working directory, else by its arguments.
 * @param home the home directory of its user, used where the process does not show its environment
 */
export function placeOfNode(
  process: Process,
  program: Program,
  home: string | undefined,
  proc = '/proc',
): NodePlace | undefined {
  return placeByDirectory(process.pid, proc) ?? placeByArguments(process, program, home, proc);
}

/** By its working directory alone. */
export function placeByDirectory(pid: number, proc = '/proc'): NodePlace | undefined {
  const cwd = workingDirectoryOf(pid, proc);
  if (cwd === undefined) return undefined;
  const network = basename(cwd);
  const link = `${proc}/${pid}/cwd`;
  // A node that is just starting may have been started from any directory: a network's own has something of a node's.
  const marks = [...MARKS.map(name => `${link}/${name}`), `${link}/../lightningd-${network}.pid`];
  if (network === '' || !marks.some(exists)) return undefined;
  return { lightningDir: dirname(cwd), network, key: keyOf(`${link}/..`) };
}

function placeByArguments(
  process: Process,
  program: Program,
  home: string | undefined,
  proc: string,
): NodePlace | undefined {
  if (process.argv.length === 0 || sharesOurMounts(process.pid, proc) === false) return undefined;
  const cwd = workingDirectoryOf(process.pid, proc);
  const args = argumentsOf(process, program);
  const relative = args.some(word => /^--(lightning-dir|conf)(=(?!\/)|$)/.test(word.toString('latin1')));
  if (cwd === undefined && relative) return undefined;
  const options = optionsOf(args, { cwd: cwd ?? '/', home: homeOf(process.pid, proc) ?? home });
  if (options === undefined) return undefined;
  const { lightningDir, network } = options;
  return { lightningDir, network, key: keyOf(lightningDir) };
}

/**
 * Its configuration may be closed to us, or was changed since. A lightning-dir on its command line is the one all the
 * same: no file can name another (configdir.c).
 */
function optionsOf(args: readonly Buffer[], context: LaunchContext): LightningOptions | undefined {
  try {
    return readLightningOptions(args, context);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    const named = args.filter(word =>
      /^--(lightning-dir|network|mainnet|testnet4?|signet|regtest)\b/.test(word.toString('latin1')),
    );
    if (!named.some(word => word.toString('latin1').startsWith('--lightning-dir='))) return undefined;
    return readLightningOptions(named, context, 'only --conf');
  }
}

/** What lightningd itself was given: all after its name, which for a script comes after the interpreter's. */
export function argumentsOf(process: Process, program: Program): readonly Buffer[] {
  if (program.kind !== 'script') return process.argv.slice(1);
  const name = basename(program.path);
  const at = process.argv.findIndex((word, index) => index > 0 && basename(word.toString()) === name);
  return process.argv.slice(at < 0 ? 1 : at + 1);
}

/** HOME as the process was started with. */
export function homeOf(pid: number, proc: string): string | undefined {
  try {
    const environment = readFileSync(`${proc}/${pid}/environ`, 'utf8').split('\0');
    return environment.find(entry => entry.startsWith('HOME='))?.slice('HOME='.length);
  } catch {
    return undefined; // another user's process
  }
}

function keyOf(path: string): string | undefined {
  try {
    return inodeKey(statSync(path, { bigint: true }));
  } catch {
    return undefined; // not there, or closed to us
  }
}

function exists(path: string): boolean {
  return keyOf(path) !== undefined;
}
