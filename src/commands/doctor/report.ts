/** The shape of `doctor --json`: described in docs/json.md, and stable. */
import type { Verdict } from '../../verdict.ts';

/** What is looked at, in this order. */
export const DOCTOR_CHECKS = [
  'node',
  'koffi',
  'shell',
  'proc',
  'kernel',
  'landlock',
  'path',
  'lightningd',
  'store',
  'room',
  'unit',
  'hooks',
] as const;
export type DoctorCheckName = (typeof DOCTOR_CHECKS)[number];

/** ok; warning: holdfast works, and something could be better; problem: a launch would fail */
export type DoctorLevel = 'ok' | 'warning' | 'problem';

/** What one look found. */
export interface DoctorFinding {
  readonly level: DoctorLevel;
  /** what was found, in a sentence */
  readonly says: string;
  /** what to type or to do about it, a line each */
  readonly todo: readonly string[];
}

/** The same with the name of the check. */
export interface DoctorCheck extends DoctorFinding {
  readonly name: DoctorCheckName;
}

/** The result of `doctor`. */
export interface DoctorReport {
  /** ok, also with warnings; finding: there is a problem */
  readonly verdict: Verdict;
  readonly checks: readonly DoctorCheck[];
}

/** All is well. */
export function ok(says: string): DoctorFinding {
  return { level: 'ok', says, todo: [] };
}

/** Holdfast works, but. */
export function warning(says: string, ...todo: string[]): DoctorFinding {
  return { level: 'warning', says, todo };
}

/** A launch would fail. */
export function problem(says: string, ...todo: string[]): DoctorFinding {
  return { level: 'problem', says, todo };
}
