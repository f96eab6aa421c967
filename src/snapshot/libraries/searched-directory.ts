/** Where the programs of a snapshot look for held libraries. Pure. */
import { isHeldLibrary, LIBRARIES_DIR } from '../store/layout.ts';

/**
 * The directory to put into LD_LIBRARY_PATH for the programs of a snapshot; undefined where it holds no library.
 * `$ORIGIN` is the directory of the program that is loaded (ld.so(8)): no program of another place finds anything there.
 * One name beside the program, not a way up from it: that could lead, for a program somewhere below /tmp, to a directory
 * that anybody may have made.
 * @param snapshot its absolute path
 */
export function searchedDirectory(
  files: readonly { readonly path: string }[],
  pinned: boolean,
  snapshot: string,
): string | undefined {
  if (!files.some(({ path }) => isHeldLibrary(path))) return undefined;
  return pinned ? `${snapshot}/${LIBRARIES_DIR}` : `$ORIGIN/${LIBRARIES_DIR}`;
}

/** The whole LD_LIBRARY_PATH: that directory before the caller's own; undefined where there is neither. */
export function libraryPathOf(searched: string | undefined, own: string | undefined): string | undefined {
  const items = [searched, own].filter(item => item !== undefined && item !== '');
  return items.length === 0 ? undefined : items.join(':');
}
