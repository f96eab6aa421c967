/**
 * Where an installation's files are, told by lightningd itself and confirmed on the disk. Follows find_daemon_dir()
 * and find_my_pkglibexec_path() of lightningd/lightningd.c:
 * 1. its own directory is that of its real path (find_my_abspath() is realpath(3));
 * 2. all subdaemons beside it: a build tree, and plugins are in `../plugins`;
 * 3. else they are where relative(BINDIR, PKGLIBEXECDIR), compiled in, leads from its own directory. Only the relative
 *    path counts, so a prefix may have been moved.
 * Never executes anything. A guess is never taken: a directory counts when a subdaemon is in it.
 */

import { lstatSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { codedError, errnoOf, HoldfastError, quote } from '../../errors.ts';
import { isBelow } from '../../linux/files/path.ts';
import { isScript } from '../../linux/script.ts';
import { compiledPaths } from './compiled-paths.ts';
import { BUILTIN_PLUGINS, COMPANIONS, SUBDAEMONS } from './subdaemons.ts';
import { executesAnother } from './wrapper.ts';

/** Where Core Lightning's Makefile puts the subdaemons, seen from lightningd: the usual answer, and the last guess. */
const USUAL_LIBEXEC = '../libexec/c-lightning';

/** What belongs to one lightningd. Paths are below `prefix`; `''` is the prefix itself. */
export interface Installation {
  /** absolute, real: the common parent of everything below; may be `/` */
  readonly prefix: string;
  /** `bin/lightningd` */
  readonly lightningd: string;
  /** in a build tree only executables are part of the installation */
  readonly layout: 'installed' | 'build-tree';
  /** single files; lightningd first, then those of its companions that are there */
  readonly programs: readonly string[];
  /** directories, to be taken whole, or their executables */
  readonly trees: readonly string[];
}

/**
 * The installation that `lightningd`, an absolute path, belongs to.
 * @throws HoldfastError NOT_FOUND, NOT_AN_INSTALLATION (naming what was looked for and where), UNREADABLE
 */
export function findInstallation(lightningd: string): Installation {
  const program = realPath(lightningd);
  const bin = dirname(program);
  if (subdaemonsIn(bin) === SUBDAEMONS.length) return buildTree(program, bin);

  const looked = new Set<string>();
  const all = new Set<string>();
  for (const strings of compiledPaths(program)) {
    const libexec = bestOf(libexecCandidates(bin, strings), looked);
    if (libexec !== undefined)
      return installed(program, bin, libexec, pluginDirectory(bin, libexec, strings));
    for (const path of strings) all.add(path);
  }
  const libexec = bestOf(candidatesWithoutBindir(bin, [...all]), looked);
  if (libexec !== undefined) return installed(program, bin, libexec, undefined);
  // No path in the image: a script in lightningd's place, or an image that hides its strings. Only if it calls
  // itself lightningd: /usr/bin/true has the usual libexec beside it as well.
  const usual = join(bin, USUAL_LIBEXEC);
  looked.add(usual);
  if (basename(program).includes('lightningd') && subdaemonsIn(usual) > 0)
    return installed(program, bin, usual, undefined);
  throw notAnInstallation(lightningd, program, bin, [...looked]);
}

/** The directory with the most subdaemons among the candidates; those in `looked` are known to have none. */
function bestOf(candidates: Iterable<string>, looked: Set<string>): string | undefined {
  let best: string | undefined;
  let most = 0;
  for (const candidate of candidates) {
    if (looked.has(candidate)) continue;
    looked.add(candidate);
    const count = subdaemonsIn(candidate);
    if (count > most) {
      best = candidate;
      most = count;
    }
    if (most === SUBDAEMONS.length) break;
  }
  return best;
}

/** Where every pair of strings leads that may be BINDIR and PKGLIBEXECDIR. Likely ones first: an image holds hundreds. */
function* libexecCandidates(bin: string, strings: readonly string[]): Generator<string, void, undefined> {
  const absolute = strings.filter(path => path.startsWith('/'));
  const bindirs = absolute.filter(path => path.endsWith(`/${basename(bin)}`) || /\/s?bin$/.test(path));
  for (const path of strings) if (path.startsWith('../')) yield join(bin, path);
  for (const isLikely of [true, false])
    for (const bindir of bindirs) {
      const prefix = `${dirname(bindir)}/`;
      for (const path of absolute)
        if ((path.endsWith('/c-lightning') || path.startsWith(prefix)) === isLikely)
          yield join(bin, relative(bindir, path));
    }
}

/** BINDIR may hide, stored by the linker as the tail of a longer string: it is one level below the prefix then. */
function* candidatesWithoutBindir(
  bin: string,
  strings: readonly string[],
): Generator<string, void, undefined> {
  for (const path of strings)
    for (
      let slash = path.indexOf('/');
      slash !== -1 && path.startsWith('/');
      slash = path.indexOf('/', slash + 1)
    )
      yield join(bin, '..', path.slice(slash));
}

/** PLUGINDIR when it is not below PKGLIBEXECDIR: known by the built-in plugins in it. */
function pluginDirectory(bin: string, libexec: string, strings: readonly string[]): string | undefined {
  if (countFiles(join(libexec, 'plugins'), BUILTIN_PLUGINS) > 0) return undefined;
  const absolute = strings.filter(path => path.startsWith('/'));
  for (const bindir of absolute.filter(path => basename(path) === basename(bin)))
    for (const path of absolute) {
      const candidate = join(bin, relative(bindir, path));
      if (countFiles(candidate, BUILTIN_PLUGINS) > 1 && !isBelow(candidate, libexec)) return candidate;
    }
  return undefined;
}

function installed(program: string, bin: string, libexec: string, plugins: string | undefined): Installation {
  const trees = plugins === undefined ? [libexec] : [libexec, plugins];
  const prefix = trees.reduce(commonParent, bin);
  const companions = COMPANIONS.map(name => join(bin, name)).filter(isThere);
  return {
    prefix,
    lightningd: relative(prefix, program),
    layout: 'installed',
    programs: [program, ...companions].map(path => relative(prefix, path)),
    trees: trees.map(path => relative(prefix, path)),
  };
}

function buildTree(program: string, bin: string): Installation {
  const prefix = dirname(bin);
  const lightningd = relative(prefix, program);
  const trees = [bin, join(prefix, 'plugins')].filter(isThere).map(path => relative(prefix, path));
  return { prefix, lightningd, layout: 'build-tree', programs: [lightningd], trees };
}

function notAnInstallation(
  given: string,
  program: string,
  bin: string,
  looked: readonly string[],
): HoldfastError {
  const leads = given === program ? '' : ` (which is ${quote(program)})`;
  // An image that is no lightningd's at all gives a hundred directories that nobody meant.
  const places = [bin, ...looked.filter(path => path.includes('lightning')), join(bin, USUAL_LIBEXEC)];
  const where = [...new Set(places)].slice(0, 4).map(quote).join(', ');
  return new HoldfastError(
    'NOT_AN_INSTALLATION',
    `${quote(given)}${leads} belongs to no Core Lightning: looked for ${SUBDAEMONS[0]} and the other subdaemons in ${where}`,
    { path: given, hint: whatToName(program) },
  );
}

function whatToName(program: string): string {
  const other = isScript(program) ? executesAnother(program) : undefined;
  return other === undefined
    ? 'name the lightningd of an installation, with its libexec directory beside it'
    : `it is a script that executes ${quote(other)}: name that in its place, with the arguments and variables that the script gives`;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const code = errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR' ? 'NOT_FOUND' : 'UNREADABLE';
    throw codedError(code, `cannot find ${quote(path)}`, path, error);
  }
}

const subdaemonsIn = (directory: string) => countFiles(directory, SUBDAEMONS);

/** How many of `names` are files in `directory`: path_is_file() of ccan/tal/path, by which lightningd decides. */
function countFiles(directory: string, names: readonly string[]): number {
  let count = 0;
  if (!isThere(directory)) return 0;
  for (const name of names) if (isFile(`${directory}/${name}`)) count += 1;
  return count;
}

/** A path that cannot be looked at is no file for lightningd either. */
function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch {
    return false;
  }
}

/** A dangling link is there: contents.ts says so by name. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function commonParent(a: string, b: string): string {
  let parent = a;
  while (!isBelow(b, parent)) parent = dirname(parent);
  return parent;
}
