/**
 * What has become of the system's libraries that a node uses: gone or replaced, which the next subdaemon will meet. Looks
 * at what the node has loaded, and asks the loader where that is safe.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import type { LightningNode } from '../../lightning/nodes/nodes.ts';
import { belongsToLoader } from '../../linux/loader/loader.ts';
import { mappedCode } from '../../linux/proc/maps.ts';
import { type Found, findLibraries } from '../../snapshot/libraries/find.ts';
import { rootOf } from '../running/node-snapshot.ts';
import type { LibrariesNow } from './now.ts';
import { switchedNow } from './switched.ts';

/** A program that the node may start. */
export interface Startable {
  readonly path: string;
  readonly source: string;
}

/**
 * Of a node that uses the system's libraries.
 * @param programs those that it may start later
 */
export async function systemNow(
  { process, descendants, sharesOurMounts }: LightningNode,
  programs: readonly Startable[],
): Promise<LibrariesNow> {
  const root = sharesOurMounts === false ? rootOf(process.pid) : '';
  const own = [process, ...descendants.filter(({ comm }) => comm.startsWith('lightning_'))];
  const gone = new Set<string>();
  const there = new Set<string>();
  for (const { pid } of own) {
    for (const { path, deleted } of mappedCode(pid) ?? []) {
      if (!deleted) there.add(path);
      else if (/\.so(\.|$)/.test(basename(path)) && !belongsToLoader(basename(path))) gone.add(path);
    }
  }
  const [replaced, lost]: [string[], string[]] = [[], []];
  for (const path of [...gone].sort()) (existsSync(root + sonameOf(path)) ? replaced : lost).push(path);
  const { broken, libraries } =
    sharesOurMounts === false ? NOTHING : await askNow(programs, libraryPathOf(process.pid));
  replaced.push(...switchedNow([...there].sort(), root, libraries));
  const missing = broken.map(({ program, library }) => ({ program, library }));
  return { held: 0, replaced, lost, missing };
}

const NOTHING: Pick<Found, 'broken' | 'libraries'> = { broken: [], libraries: [] };

/**
 * Asks for those programs alone that nobody else can have written: a loader is started by the name that they have in them,
 * and root looks at the nodes of everybody.
 */
async function askNow(
  programs: readonly Startable[],
  libraryPath: string | undefined,
): Promise<Pick<Found, 'broken' | 'libraries'>> {
  const safe = programs.filter(({ source }) => isSafe(source));
  try {
    return await findLibraries(safe, libraryPath);
  } catch (error) {
    if (error instanceof HoldfastError) return NOTHING; // gone or closed meanwhile: nothing is known of it
    throw error;
  }
}

function isSafe(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  const us = process.geteuid?.() ?? 0;
  return stat?.isFile() === true && (stat.uid === 0 || stat.uid === us) && (stat.mode & 0o6022) === 0;
}

/** `libx.so.1.2.3` is found by its soname, `libx.so.1`, whatever its full version is by now. */
function sonameOf(path: string): string {
  return path.replace(/(\.so\.\d+)[^/]*$/, '$1');
}

function libraryPathOf(pid: number): string | undefined {
  try {
    const strings = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return strings.find(string => string.startsWith('LD_LIBRARY_PATH='))?.slice('LD_LIBRARY_PATH='.length);
  } catch {
    return undefined; // closed to us: it is asked without
  }
}
