/** Looks at what may not be there, or be closed to us: then there is no answer, and no error. Only reads. */
import { readdirSync, realpathSync, type Stats, statSync } from 'node:fs';

/** What a path means, links followed; undefined where there is nothing, or it is not to be reached (EACCES, ELOOP). */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** The names in a directory; none where it is none, or closed to us. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Links resolved as the kernel does it; undefined where that leads to nothing. */
export function realPathOf(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined;
  }
}
