/**
 * Asks the dynamic loader which libraries a program would load: `INTERPRETER --list PROGRAM` (ld.so(8)), glibc's alone.
 * The program is mapped, never run. Not by LD_TRACE_LOADED_OBJECTS, as ldd(1) does it: with that, a static program, or one
 * of musl's, runs (measured). A loader that dies, hangs or says something else has given no answer: glibc 2.36's does on
 * an image that is cut short (measured, SIGBUS).
 */
import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { type BriefAnswer, type BriefLimits, runBriefly } from '../process/brief-program.ts';

/** A library that would be loaded. */
export interface ListedLibrary {
  /** what was searched for: a name without a slash */
  readonly name: string;
  /** the path at which it was found */
  readonly path: string;
}

/** A library that cannot be loaded, and so the program cannot be run. */
export interface BrokenLibrary {
  readonly name: string;
  /** the loader's words */
  readonly reason: string;
}

/** What the loader said of one program. */
export type LoaderAnswer =
  | {
      readonly kind: 'answer';
      readonly libraries: readonly ListedLibrary[];
      /** libraries that are named by a path: no search leads to them */
      readonly byPath: readonly string[];
      readonly broken: readonly BrokenLibrary[];
    }
  | { readonly kind: 'none'; readonly reason: string };

const LIMITS: BriefLimits = { ms: 5_000, bytes: 64 * 1024, withErrors: true };

/**
 * Asks for one program.
 * @param libraryPath the LD_LIBRARY_PATH to search by; undefined or '': none
 * @throws SyscallError where no pipe can be had
 */
export async function askLoader(
  interpreter: string,
  program: string,
  libraryPath: string | undefined,
  limits: BriefLimits = LIMITS,
): Promise<LoaderAnswer> {
  const environment = ['LC_ALL=C', ...(libraryPath ? [`LD_LIBRARY_PATH=${libraryPath}`] : [])];
  const answer = await runBriefly(interpreter, ['--list', program], environment, {
    ...limits,
    withErrors: true,
  });
  return parseAnswer(answer, interpreter, program);
}

/** Does this interpreter behave as glibc's loader does? musl's takes `$ORIGIN` in LD_LIBRARY_PATH literally (measured). */
export function isGlibcLoader(interpreter: string): boolean {
  try {
    return GLIBC_LOADER.test(basename(realpathSync(interpreter)));
  } catch {
    return false; // it is not there: the program cannot be run, which is for the gate to say
  }
}

/** ld-linux-x86-64.so.2, ld-linux.so.2, ld64.so.2, ld.so.1, ld-2.31.so; not ld-musl-x86_64.so.1 */
const GLIBC_LOADER = /^ld(64|-linux[\w-]*|-2\.\d+)?\.so(\.\d+)?$/;

/**
 * Does this library belong to the loader? glibc's are one with the ld.so that programs name by an absolute path, by
 * interfaces that change with every release (GLIBC_PRIVATE), so they are the system's, always.
 */
export function belongsToLoader(name: string): boolean {
  return GLIBC_LOADER.test(name) || GLIBC_LIBRARY.test(name);
}

const GLIBC_LIBRARY =
  /^lib(c|m|dl|pthread|rt|resolv|util|anl|mvec|nsl|BrokenLocale|thread_db|c_malloc_debug|nss_[\w-]+)(-2\.\d+)?\.so(\.\d+)*$/;

function parseAnswer(answer: BriefAnswer, interpreter: string, program: string): LoaderAnswer {
  const { end, errno, status, output } = answer;
  if (end === 'not executed') return none(`${interpreter} cannot be executed (${errno})`);
  if (end !== 'exited') return none(`${interpreter} ${end}`);
  const text = output.toString();
  const broken = [...text.matchAll(FATAL)].map(([, name = '', reason = '']) => ({ name, reason }));
  broken.push(...[...text.matchAll(NOT_FOUND)].map(([, name = '']) => ({ name, reason: 'not found' })));
  // of the program itself: it is no image, or damaged
  if (broken.some(({ name }) => name === program)) return none(broken[0]!.reason); // some: so a first
  if (broken.length > 0) return { kind: 'answer', libraries: [], byPath: [], broken };
  if (status !== 0) return none(`${interpreter} ended with status ${status}`);
  if (!output.equals(Buffer.from(text))) return none('it names paths that are no UTF-8');
  return {
    kind: 'answer',
    libraries: [...text.matchAll(FOUND)].flatMap(([, name = '', path = '']) =>
      name.includes('/') ? [] : [{ name, path }],
    ),
    byPath: [...text.matchAll(BY_PATH)].flatMap(([, path = '']) =>
      belongsToLoader(basename(path)) ? [] : [path],
    ),
    broken: [],
  };
}

function none(reason: string): LoaderAnswer {
  return { kind: 'none', reason };
}

/** rtld.c, print_statistics aside: `\tNAME => PATH (0xADDRESS)`, and without the arrow where NAME is a path. */
const FOUND = /^\t(\S+) => (\/.*) \(0x[0-9a-f]+\)$/gm;
const BY_PATH = /^\t(\.{0,2}\/.*) \(0x[0-9a-f]+\)$/gm;
const NOT_FOUND = /^\t(\S+) => not found$/gm;
/** dl-error: `PROGRAM: error while loading shared libraries: NAME: what is wrong` */
const FATAL = /: error while loading shared libraries: ([^:\n]+): (.+)$/gm;
