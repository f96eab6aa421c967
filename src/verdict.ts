/** The verdict that several commands give and exit-codes.ts turns into a status. Pure. */

/** Three answers; a finding is certain, so it outweighs what is unknown. */
export type Verdict = 'ok' | 'finding' | 'unknown';

/** The verdict of several: the worst of them. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('finding')) return 'finding';
  return verdicts.includes('unknown') ? 'unknown' : 'ok';
}
