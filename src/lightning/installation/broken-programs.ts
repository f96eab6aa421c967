/**
 * Programs that are missing, empty, cut short or cannot be executed, though lightningd names them: an upgrade is half-way.
 * What it does not name is no part of it, and worth a warning. Only looks.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { errnoOf, quote, systemError } from '../../errors.ts';
import { sizeByHeaders } from '../../linux/elf.ts';
import type { Contents, SourceFile } from './contents.ts';
import { ALWAYS, type NamedPrograms } from './named.ts';
import { NOT_INSTALLED, PLUGINS, SUBDAEMONS } from './subdaemons.ts';
import type { Look, UpgradeTrace } from './trace.ts';
import { belongs } from './versions.ts';

/** @param programs the installation's programs in bin, lightningd first */
export function lookForBroken(contents: Contents, programs: readonly string[], named: NamedPrograms): Look {
  const broken = contents.files.flatMap(file => brokenProgram(file, programs, named) ?? []);
  const isOurs = ({ file }: Broken) => belongs(file.path, named);
  const missing = missingSubdaemons(contents, named);
  return {
    traces: [
      ...missing.filter(({ name }) => !NOT_INSTALLED.includes(name)).map(traceOfMissing),
      ...broken.filter(isOurs).map(traceOf),
    ],
    warnings: [
      ...broken.filter(found => !isOurs(found)).map(warningOf),
      ...missing
        .filter(({ name }) => NOT_INSTALLED.includes(name))
        .map(({ name }) => `lightningd names ${name}, which is not installed: it runs without it`),
      ...missingPlugins(contents, named).map(missingPluginWarning),
    ],
  };
}

interface Missing {
  readonly name: string;
  readonly path: string;
}

/** The subdaemons that lightningd names and that are no files where the others are. */
function missingSubdaemons({ files }: Contents, named: NamedPrograms): Missing[] {
  const there = files.find(({ path }) => SUBDAEMONS.includes(basename(path)));
  if (there === undefined) return []; // findInstallation has seen one: it went since, and the listing is stale
  const directory = dirname(there.path);
  const top = there.source.slice(0, -there.path.length);
  const paths = new Set(files.map(({ path }) => path));
  return named.subdaemons
    .filter(name => !paths.has(directory === '.' ? name : `${directory}/${name}`))
    .map(name => ({ name, path: `${top}${directory}/${name}` }));
}

/** A built-in plugin may be a file or a directory of its name; an operator may have removed it. */
function missingPlugins({ files }: Contents, named: NamedPrograms): string[] {
  const plugins = files.flatMap(({ path }) => /(?:^|\/)plugins\/([^/]+)/.exec(path)?.[1] ?? []);
  if (plugins.length === 0) return []; // PLUGINDIR has another name
  return named.missingPlugins(new Set(plugins));
}

/** What the operator is told of a built-in plugin that is not there. */
export function missingPluginWarning(name: string): string {
  return `the built-in plugin ${name} is missing: lightningd starts without it`;
}

function traceOfMissing({ path, name }: Missing): UpgradeTrace {
  const known = ALWAYS.has(name) ? 'which lightningd executes' : 'which its lightningd names';
  return { path, reason: `${quote(path)} is missing, ${known}`, passesInMs: undefined };
}

interface Broken {
  readonly file: SourceFile;
  readonly what: string;
}

function traceOf({ file, what }: Broken): UpgradeTrace {
  return { path: file.source, reason: `${quote(file.source)} ${what}`, passesInMs: undefined };
}

function warningOf({ file, what }: Broken): string {
  return `${quote(file.source)} ${what}: lightningd does not name it, and starts without it`;
}

/** Why this cannot be executed though it is where programs are; undefined where it can, or need not be. */
function brokenProgram(
  file: SourceFile,
  programs: readonly string[],
  named: NamedPrograms,
): Broken | undefined {
  const { path, source, stat } = file;
  const isPlugin = /(^|\/)plugins\//.test(path);
  const isDirectPlugin = basename(dirname(path)) === 'plugins';
  if (!isPlugin && !programs.includes(path) && !basename(path).startsWith('lightning_')) return undefined;
  const isExecutable = (stat.mode & 0o111n) !== 0n;
  // below a plugin's own directory there may be files of any kind
  if (isPlugin && !isDirectPlugin && !isExecutable) return undefined;
  if (stat.size === 0n) return isPlugin && !isDirectPlugin ? undefined : { file, what: 'is empty' };
  // beside plugins there may be files that are none; install(1) fills a file that it has made 0600. lightningd does not
  // start where it cannot execute a built-in one: "error starting plugin", exit status 1 (measured)
  const isBuiltIn = isDirectPlugin && PLUGINS.includes(basename(path)) && named.isPlugin(basename(path));
  if (!isExecutable && isPlugin && !isBuiltIn && (stat.mode & 0o777n) !== 0o600n) return undefined;
  if (!isExecutable) return { file, what: 'cannot be executed' };
  const least = leastSizeOf(source);
  if (least <= stat.size) return undefined;
  return { file, what: `is cut short: ${stat.size} bytes of at least ${least}` };
}

/** The size that an image has by its headers; 0 of what is no ELF, or gone, or not for us to read. */
function leastSizeOf(path: string): bigint {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    return BigInt(sizeByHeaders(fd) ?? 0);
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'EACCES'].includes(errnoOf(error) ?? '')) return 0n; // the placing will notice, and say so
    throw systemError('read', path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
