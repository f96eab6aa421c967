/** What a command gives back to be printed. */
export interface Outcome {
  /** the exit status */
  readonly status: number;
  /** end by this signal, as what was run did; the status is what a shell would make of it */
  readonly signal?: NodeJS.Signals;
  /** for people: goes to stdout as it is */
  readonly text: string;
  /** for machines: the same value, printed with --json */
  readonly json: unknown;
}
