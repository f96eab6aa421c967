/** Paths as text: both absolute and normal. Pure. */

/** Is `path` the directory `top`, or below it? */
export function isBelow(path: string, top: string): boolean {
  return top === '/' || path === top || path.startsWith(`${top}/`);
}
