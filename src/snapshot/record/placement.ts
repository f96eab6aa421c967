/** The words for how a file gets into a snapshot: types, help and validation share them. Pure. */

/** How a file can get into a snapshot and stay there. */
export const PLACEMENTS = ['hardlink', 'reflink', 'copy'] as const;

/** `pin`: a symbolic link to a descriptor that the node holds open, see pin.ts. It ends with the node. */
export type Placement = (typeof PLACEMENTS)[number] | 'pin';

/**
 * What a method allows for a file, in the order in which it is tried. A method that is forced is so for the installation;
 * the system's libraries are root's own, which an ordinary user may not link, and follow as well as they can.
 */
export function placementsBy(method: Method, isLibrary: boolean): readonly (typeof PLACEMENTS)[number][] {
  if (method === 'auto' || method === 'pin') return PLACEMENTS;
  return isLibrary ? PLACEMENTS.slice(PLACEMENTS.indexOf(method)) : [method];
}

/** Is this a word for a placement? */
export function isPlacement(word: string): word is Placement {
  return word === 'pin' || (PLACEMENTS as readonly string[]).includes(word);
}

/** What `--method` takes. */
export const METHODS = ['auto', ...PLACEMENTS, 'pin'] as const;
export type Method = (typeof METHODS)[number];
