/**
 * Finds the libraries that a snapshot's programs load, by asking the loader (linux/loader/loader.ts), and notes what the answer
 * rests on. Programs that ask for the same in the same way get the same answer, and are asked for once: of a real
 * installation's thirty-three, six (measured). Only looks, and starts loaders.
 */
import { type BigIntStats, closeSync, constants, lstatSync, openSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, HoldfastError, quote, systemError } from '../../errors.ts';
import { linksOnTheWay } from '../../linux/files/links.ts';
import { type Dynamic, readDynamic } from '../../linux/loader/dynamic.ts';
import { askLoader, belongsToLoader, isGlibcLoader, type LoaderAnswer } from '../../linux/loader/loader.ts';
import type { LibraryEvidence, RecordedLink } from '../record/record.ts';
import { LIBRARIES_DIR } from '../store/layout.ts';
import { isLibraryName } from './document.ts';
import { noteEvidence } from './evidence.ts';

/** A program to ask for: its path in the snapshot, and where it is now. */
export interface Candidate {
  readonly path: string;
  readonly source: string;
}

/** A library to hold, as a file to be placed. */
export interface FoundLibrary {
  readonly name: string;
  /** in the snapshot */
  readonly path: string;
  /** links resolved */
  readonly source: string;
  readonly stat: BigIntStats;
}

/** A program that cannot be loaded, by the loader's words. */
export interface BrokenProgram {
  readonly program: string;
  readonly library: string;
  readonly reason: string;
}

/** What was found. */
export interface Found {
  readonly libraries: readonly FoundLibrary[];
  /** directories of the snapshot whose programs need any of them */
  readonly directories: readonly string[];
  readonly evidence: LibraryEvidence;
  readonly broken: readonly BrokenProgram[];
  /** what is not held, and why, for people */
  readonly warnings: readonly string[];
}

/** How many loaders run at once. */
const AT_ONCE = 32;

/**
 * Asks for all programs, as many at once as there is use for.
 * @param libraryPath the caller's LD_LIBRARY_PATH
 * @throws HoldfastError `SYSTEM` where a program or a library cannot be read, `BAD_SOURCE` (errno ENOENT) where one has just gone
 */
export async function findLibraries(
  candidates: readonly Candidate[],
  libraryPath: string | undefined,
): Promise<Found> {
  const groups = groupPrograms(candidates);
  const asked = groups.filter(({ loader }) => loader === 'glibc');
  const evidence = await noteEvidence(libraryPath, asked);
  const answers: LoaderAnswer[] = [];
  for (let at = 0; at < asked.length; at += AT_ONCE) {
    const batch = asked.slice(at, at + AT_ONCE);
    answers.push(
      ...(await Promise.all(
        batch.map(({ dynamic, programs: [first] }) =>
          askLoader(dynamic.interpreter ?? '', first?.source ?? '', libraryPath),
        ),
      )),
    );
  }
  return merge(groups, asked, answers, evidence);
}

interface Group {
  readonly dynamic: Dynamic;
  readonly loader: 'glibc' | 'another';
  readonly programs: Candidate[];
}

/** Programs that name a loader and need more than what belongs to it, by what they ask of it. */
function groupPrograms(candidates: readonly Candidate[]): Group[] {
  const groups = new Map<string, Group>();
  const loaders = new Map<string, Group['loader']>();
  for (const candidate of candidates) {
    const dynamic = dynamicOf(candidate.source);
    const { interpreter, needed, rpath, runpath } = dynamic;
    if (interpreter === undefined || !interpreter.startsWith('/') || needed.every(belongsToLoader)) continue;
    const origin = [...rpath, ...runpath].some(path => path.includes('$')) ? dirname(candidate.source) : '';
    const key = JSON.stringify([interpreter, needed, rpath, runpath, origin]);
    const group = groups.get(key);
    if (group !== undefined) {
      group.programs.push(candidate);
      continue;
    }
    const loader = loaders.get(interpreter) ?? (isGlibcLoader(interpreter) ? 'glibc' : 'another');
    loaders.set(interpreter, loader);
    groups.set(key, { dynamic, loader, programs: [candidate] });
  }
  return [...groups.values()];
}

function dynamicOf(path: string): Dynamic {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    return readDynamic(fd);
  } catch (error) {
    throw gone('read', path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function merge(
  groups: readonly Group[],
  asked: readonly Group[],
  answers: readonly LoaderAnswer[],
  evidence: Omit<LibraryEvidence, 'links'>,
): Found {
  const links = new Map<string, RecordedLink>();
  const real = new Set<string>();
  const places = new Map<string, { readonly sources: Set<string>; readonly directories: Set<string> }>();
  const broken: BrokenProgram[] = [];
  const unsaid: string[] = [];
  const byPath = new Set<string>();
  for (const [index, answer] of answers.entries()) {
    const { programs } = asked[index]!; // an answer for each
    if (answer.kind === 'none') {
      unsaid.push(`${programs.map(({ path }) => quote(path)).join(', ')}: ${answer.reason}`);
      continue;
    }
    for (const { name, reason } of answer.broken)
      broken.push(...programs.map(({ path }) => ({ program: path, library: name, reason })));
    for (const path of answer.byPath) byPath.add(path);
    for (const { name, path } of answer.libraries) {
      if (belongsToLoader(name) || !isLibraryName(name)) continue;
      const place = places.get(name) ?? { sources: new Set(), directories: new Set() };
      places.set(name, place);
      place.sources.add(resolve(path));
      for (const link of linksOnTheWay(path, real)) links.set(link.path, link);
      for (const program of programs) place.directories.add(dirname(program.path));
    }
  }
  const held = [...places].filter(([, { sources }]) => sources.size === 1);
  const libraries = held.map(([name, { sources }]) => toPlace(name, [...sources][0] ?? ''));
  return {
    libraries,
    directories: [...new Set(held.flatMap(([, { directories }]) => [...directories]))].sort(),
    evidence: { ...evidence, links: [...links.values()] },
    broken,
    warnings: [
      ...warnOfLoaders(groups),
      ...unsaid.map(line => `its libraries are not held, the loader does not say which they are: ${line}`),
      ...[...byPath].map(path => `${quote(path)} is not held: it is named by its path, not searched for`),
      ...[...places]
        .filter(([, { sources }]) => sources.size > 1)
        .map(([name, { sources }]) => {
          const list = [...sources].map(quote).join(' and ');
          return `${quote(name)} is not held: programs load different files under that name, ${list}`;
        }),
      ...warnOfRpath(asked, libraries),
    ],
  };
}

function resolve(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    throw gone('find', path, error);
  }
}

function toPlace(name: string, source: string): FoundLibrary {
  try {
    return { name, path: `${LIBRARIES_DIR}/${name}`, source, stat: lstatSync(source, { bigint: true }) };
  } catch (error) {
    throw gone('look at', source, error);
  }
}

/** What was there a moment ago and is gone is being replaced: worth another try. */
function gone(what: string, path: string, error: unknown): HoldfastError {
  const failed = systemError(what, path, error);
  if (!GONE.has(errnoOf(error) ?? '')) return failed;
  return new HoldfastError('BAD_SOURCE', failed.message, { path, errno: 'ENOENT', cause: error });
}

/** ELOOP: a link in the place of a file, with O_NOFOLLOW (open(2)). */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

function warnOfLoaders(groups: readonly Group[]): string[] {
  const others = groups.filter(({ loader }) => loader === 'another');
  const names = [...new Set(others.map(({ dynamic }) => dynamic.interpreter ?? ''))];
  return names.map(
    name => `libraries are not held where the loader is not glibc's, and ${quote(name)} is not`,
  );
}

/** DT_RPATH comes before LD_LIBRARY_PATH (ld.so(8)): what is found by it will be found by it again. */
function warnOfRpath(asked: readonly Group[], libraries: readonly FoundLibrary[]): string[] {
  return asked.flatMap(({ dynamic: { rpath }, programs: [program] }) => {
    const fixed = rpath.filter(directory => !directory.includes('$'));
    const found = libraries.filter(({ source }) => fixed.includes(dirname(source)));
    if (program === undefined || found.length === 0) return [];
    const names = found.map(({ name }) => name).join(', ');
    return [
      `${quote(program.path)} has DT_RPATH, which comes first: it loads ${names} from ${quote(fixed.join(':'))}, not what is held`,
    ];
  });
}
