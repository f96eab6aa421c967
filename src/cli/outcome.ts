/** What a command gives back to be printed. */
export interface Outcome {
  /** the exit status */
  readonly status: number;
  /** for people: goes to stdout as it is */
  readonly text: string;
  /** for machines: the same value, printed with --json */
  readonly json: unknown;
}
