/** What a look at an installation gives. Pure. */

/** Something that is there only while files are being replaced. */
export interface UpgradeTrace {
  readonly path: string;
  readonly reason: string;
  /** ms until time alone will have removed it; undefined where somebody has to act */
  readonly passesInMs: number | undefined;
}

/** What a look at an installation gave. */
export interface Look {
  /** worst first */
  readonly traces: readonly UpgradeTrace[];
  /** what is odd, and does not stop a launch */
  readonly warnings: readonly string[];
  /** the command that completes what a package manager has begun, where its record tells */
  readonly complete?: string;
}
