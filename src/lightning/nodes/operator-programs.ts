/**
 * Which programs of a running node are its operator's own: the plugins and subdaemons that his configuration names,
 * which run from where they are (plugin.c, subd.c). Reads the configuration as it is now; never writes.
 */
import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import { readUsers } from '../../linux/passwd.ts';
import { workingDirectoryOf } from '../../linux/proc/processes.ts';
import { readLightningOptions } from '../config/options.ts';
import { argumentsOf, homeOf } from './node-place.ts';
import type { LightningNode } from './nodes.ts';

/** What a configuration names, by absolute path: each with the setting that names it. */
export interface OperatorPrograms {
  readonly files: ReadonlyMap<string, string>;
  /** every program directly in one of these */
  readonly directories: ReadonlyMap<string, string>;
  /** every program one level below one of these */
  readonly parents: ReadonlyMap<string, string>;
}

/**
 * What a running node's arguments and configuration files name.
 * @returns undefined where they cannot be read, or mean other files to the node than to us (a container)
 */
export function operatorProgramsOf(node: LightningNode, proc = '/proc'): OperatorPrograms | undefined {
  const { process, program, lightningDir } = node;
  if (node.sharesOurMounts !== true || lightningDir === undefined) return undefined;
  // it has changed its directory since it was started: a relative --lightning-dir would lead elsewhere by now
  const args = [...argumentsOf(process, program), Buffer.from(`--lightning-dir=${lightningDir}`)];
  const home = homeOf(process.pid, proc) ?? readUsers().get(node.uid)?.home;
  try {
    const options = readLightningOptions(args, { cwd: workingDirectoryOf(process.pid, proc) ?? '/', home });
    const files = new Map<string, string>();
    for (const path of options.plugins) add(files, path, 'plugin=');
    for (const { name, path } of options.subdaemons) add(files, path, `subdaemon=${name}:`);
    const directories = new Map<string, string>();
    for (const path of options.pluginDirs) add(directories, path, 'plugin-dir=');
    // lightningd reads this one without being told, and one level below it (plugin.c, plugins_add_default_dir)
    const parents = new Map<string, string>();
    add(directories, join(lightningDir, 'plugins'), "the lightning-dir's plugins");
    add(parents, join(lightningDir, 'plugins'), "the lightning-dir's plugins");
    return { files, directories, parents };
  } catch (error) {
    if (error instanceof HoldfastError) return undefined; // it may not be read, or was changed since
    throw error;
  }
}

/** The setting by which a program is the operator's; undefined where none names it. */
export function settingThatNames(path: string, programs: OperatorPrograms): string | undefined {
  const directory = dirname(path);
  return (
    programs.files.get(path) ??
    programs.directories.get(directory) ??
    programs.parents.get(dirname(directory)) ??
    programs.files.get(basename(path)) // a subdaemon's relative path is meant from the subdaemons' own directory
  );
}

/** As it is written, and as the kernel shows it of a process: with links resolved. */
function add(to: Map<string, string>, path: string, setting: string): void {
  to.set(path, setting);
  try {
    to.set(realpathSync(path), setting);
  } catch {
    // not there by now, or closed to us: then only the path as written can match
  }
}
