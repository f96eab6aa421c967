/** What verify finds, as plain data: each mismatch with what was expected and what is there. Pure. */
import type { Verdict } from '../../verdict.ts';

/** The checks of one snapshot, in the order in which they are made. */
export const CHECKS = [
  'manifest',
  'root',
  'pinned',
  'files',
  'digests',
  'nothing-extra',
  'permissions',
  'owners',
  'sha256sums',
  'libraries',
] as const;

export type CheckName = (typeof CHECKS)[number];

/** Something that is not as it must be. */
export interface Finding {
  /** below the snapshot; `.` for the snapshot itself */
  readonly path: string;
  readonly check: CheckName;
  readonly expected: string;
  readonly found: string;
  /** one clause, for people */
  readonly reason: string;
}

/** Something that could not be determined: it may be right or wrong. */
export interface Unknown {
  readonly path: string;
  readonly check: CheckName;
  readonly reason: string;
}

/** Something worth saying that is neither right nor wrong. */
export interface Note {
  readonly path: string;
  readonly reason: string;
}

/**
 * How a check ended: `skipped` where there was nothing to check against, which another check has reported; `unknown`
 * where a part of it could not be determined and the rest was right.
 */
export type CheckResult = 'ok' | 'finding' | 'unknown' | 'skipped';

/** Collects what the checks say, in their order. */
export class Ledger {
  readonly findings: Finding[] = [];
  readonly unknowns: Unknown[] = [];
  readonly notes: Note[] = [];
  readonly #skipped = new Set<CheckName>();

  finding(check: CheckName, path: string, reason: string, expected: string, found: string): void {
    this.findings.push({ path, check, expected, found, reason });
  }

  unknown(check: CheckName, path: string, reason: string): void {
    this.unknowns.push({ path, check, reason });
  }

  note(path: string, reason: string): void {
    this.notes.push({ path, reason });
  }

  skip(check: CheckName): void {
    this.#skipped.add(check);
  }

  resultOf(name: CheckName): CheckResult {
    if (this.findings.some(({ check }) => check === name)) return 'finding';
    if (this.unknowns.some(({ check }) => check === name)) return 'unknown';
    return this.#skipped.has(name) ? 'skipped' : 'ok';
  }

  verdict(): Verdict {
    if (this.findings.length > 0) return 'finding';
    return this.unknowns.length > 0 ? 'unknown' : 'ok';
  }
}
