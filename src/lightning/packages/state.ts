/** What a package manager's own record says of an installation. Pure. */

/** The files that are looked for in records. */
export interface Installed {
  /** lightningd, absolute, links resolved */
  readonly lightningd: string;
  /** names of files that belong to it and to nothing else */
  readonly programs: readonly string[];
  /** the directories that its files are in, absolute */
  readonly directories: readonly string[];
  /** when the youngest of its directories changed, ns since the epoch */
  readonly changedNs: bigint;
  /** may there be more to come? Only then is a record of use that says that all is there */
  readonly isYoung: boolean;
}

/**
 * `unpacked`: the package manager has written all, and noted that after the last change of a directory. `unfinished`: it
 * has begun, and not noted that it is done.
 */
export type PackageState =
  | { readonly state: 'unpacked' }
  | {
      readonly state: 'unfinished';
      readonly path: string;
      readonly reason: string;
      readonly complete: string;
    };

/** The paths below a record's root that mean the same file: where /bin is a link to /usr/bin, records have either. */
export function namesBelow(root: string, path: string): string[] {
  const below = path.slice(root === '/' ? 1 : root.length + 1);
  return below.startsWith('usr/') ? [below, below.slice(4)] : [below];
}
