/** Which libraries a process of a snapshot has loaded: those that are held, or others. Only looks. */
import { lstatSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { mappedCode } from '../../linux/proc/maps.ts';
import type { HeldLibrary, LibrariesDocument } from '../../snapshot/libraries/document.ts';
import { LIBRARIES_DIR } from '../../snapshot/store/layout.ts';

/** What a process has mapped. */
export interface MappedLibraries {
  /** how many of the held ones */
  readonly held: number;
  /** paths of the others, as the process sees them */
  readonly system: readonly string[];
  /** of those, the ones that are no longer there */
  readonly deleted: readonly string[];
  /** of those, the ones in whose place another is held: LD_LIBRARY_PATH did not act (docs/libraries.md) */
  readonly astray: readonly string[];
}

/**
 * Looks at a process.
 * @param snapshot its snapshot
 * @param document what is held in it; undefined: nothing
 * @param program the path of its own program, which is no library
 * @returns null where it may not be looked into
 */
export function mappedLibraries(
  pid: number,
  snapshot: string,
  document: LibrariesDocument | undefined,
  program: string | null,
): MappedLibraries | null {
  const files = mappedCode(pid);
  if (files === undefined) return null;
  const libraries = document?.libraries ?? [];
  const inodes = new Set(libraries.map(({ name }) => inodeOf(join(snapshot, LIBRARIES_DIR, name))));
  const isHeld = ({ path, ino }: (typeof files)[number]) =>
    path.startsWith(`${snapshot}/${LIBRARIES_DIR}/`) || inodes.has(ino);
  const others = files.filter(file => file.path !== program && !isHeld(file) && isLibrary(file.path));
  const pathsOf = (some: typeof files) => [...new Set(some.map(({ path }) => path))].sort();
  return {
    held: pathsOf(files.filter(isHeld)).length,
    system: pathsOf(others),
    deleted: pathsOf(others.filter(({ deleted }) => deleted)),
    astray: pathsOf(others.filter(({ path }) => libraries.some(library => standsFor(path, library)))),
  };
}

function isLibrary(path: string): boolean {
  return /\.so(\.|$)/.test(basename(path));
}

/** Is this file what the system has, or had, under the name of a held library? */
function standsFor(path: string, library: HeldLibrary): boolean {
  const name = basename(path);
  return path === library.path || name === library.name || name.startsWith(`${library.name}.`);
}

/** A pinned library is a link to a descriptor of lightningd's. */
function inodeOf(path: string): bigint | undefined {
  try {
    const stat = lstatSync(path, { bigint: true });
    return stat.isSymbolicLink() ? statSync(path, { bigint: true }).ino : stat.ino;
  } catch {
    return undefined; // verify says what is missing; closed to us: its path tells
  }
}
