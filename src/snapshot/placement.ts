/** The words for how a file gets into a snapshot: types, help and validation share them. Pure. */

/** How a file can get into a snapshot. */
export const PLACEMENTS = ['hardlink', 'reflink', 'copy'] as const;
export type Placement = (typeof PLACEMENTS)[number];

/** What `--method` takes. */
export const METHODS = ['auto', ...PLACEMENTS] as const;
export type Method = (typeof METHODS)[number];
