/** Paths as the kernel reads them (path_resolution(7)). Only reads. */
import { realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Is `path` the directory `top`, or below it? Both absolute and normal. */
export function isBelow(path: string, top: string): boolean {
  return top === '/' || path === top || path.startsWith(`${top}/`);
}

/**
 * The same absolute path without `..`: a symbolic link before one is followed first, so that `/a/link/../b` is beside what
 * the link leads to. As it is where there is no `..`, or where nothing is there for it to lead back from.
 */
export function resolveDots(path: string): string {
  if (!path.includes('..')) return path;
  let done = '/';
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name !== '..') {
      done = done === '/' ? `/${name}` : `${done}/${name}`;
      continue;
    }
    try {
      done = dirname(realpathSync.native(done));
    } catch {
      return path; // ENOENT: whoever uses it is told
    }
  }
  return done;
}

/** A path as an operator types it, made absolute and normal. */
export function absolutePath(cwd: string, path: string): string {
  const resolved = resolveDots(path.startsWith('/') ? path : `${cwd}/${path}`);
  return /(^|\/)\.\.(\/|$)/.test(resolved) ? resolved : resolve(resolved);
}
