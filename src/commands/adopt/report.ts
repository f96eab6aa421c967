/** The shape of `adopt --json`: described in docs/json.md, and stable. Absent facts are null. */
import type { Verdict } from '../../verdict.ts';

/** What was asked for. */
export const ADOPT_ACTIONS = ['adopt', 'print', 'undo'] as const;
export type AdoptAction = (typeof ADOPT_ACTIONS)[number];

/** What was tried, in this order; `loaded` after the drop-in was written. */
export const ADOPT_CHECKS = ['verify', 'noexec', 'snapshot', 'loaded'] as const;

/** One check, and what it said in words. */
export interface AdoptCheck {
  readonly name: (typeof ADOPT_CHECKS)[number];
  readonly verdict: Verdict;
  readonly reason: string;
}

/** The unit as systemd has it. */
export interface AdoptedUnit {
  readonly name: string;
  /** the unit file */
  readonly fragment: string;
  /** the drop-ins that apply, in order, without ours */
  readonly dropIns: readonly string[];
  /** Type= */
  readonly type: string;
  /** User=; null: root's, or the manager's own user's */
  readonly user: string | null;
  /** its main process; null: it does not run */
  readonly pid: number | null;
}

/** The result of `adopt`. */
export interface AdoptReport {
  /** ok: done, or nothing to do; finding: a check failed, and nothing was written; unknown: not all could be checked */
  readonly verdict: Verdict;
  readonly action: AdoptAction;
  readonly unit: AdoptedUnit;
  /** ExecStart= without the drop-in; null with `undo` */
  readonly was: string | null;
  /** ExecStart= with it; null with `undo` */
  readonly becomes: string | null;
  /** the drop-in */
  readonly file: string;
  /** its text; null with `undo` */
  readonly text: string | null;
  /** was a file written or removed? */
  readonly changed: boolean;
  readonly checks: readonly AdoptCheck[];
  /** what else an operator should know, a sentence each */
  readonly notes: readonly string[];
}
