/** The one table of exit statuses: README and the manual page quote it, a test compares them. */
import type { ErrorCode } from './errors.ts';
import type { Verdict } from './verdict.ts';

/** `run`: what the shell means by 126 and 127 (POSIX.1-2024, XCU 2.8.2), and 125 as nohup(1) and env(1) use it. */
export const RUN_EXIT = { failed: 125, notExecutable: 126, notFound: 127 } as const;

/** All other commands. */
export const EXIT = {
  /** all is well */
  ok: 0,
  /** a finding: differs, noexec, restart pending, not now, the gate refused */
  finding: 1,
  /** it could not be done or determined: usage, missing, unreadable */
  undetermined: 2,
} as const;

/** The exit status of a command by what it found. */
export const VERDICT_EXIT: Readonly<Record<Verdict, 0 | 1 | 2>> = {
  ok: EXIT.ok,
  finding: EXIT.finding,
  unknown: EXIT.undetermined,
};

/** Errors that are findings: holdfast did look, and the answer is no. All others mean that it could not look. */
const FINDINGS: ReadonlySet<ErrorCode> = new Set(['GATE', 'ROOT_MISMATCH', 'DIFFERS', 'NOEXEC']);

/** The exit status of a command that ended with this error. */
export function exitStatus(command: string, code: ErrorCode): number {
  if (command !== 'run') return FINDINGS.has(code) ? EXIT.finding : EXIT.undetermined;
  if (code === 'NOT_FOUND') return RUN_EXIT.notFound;
  if (code === 'NOT_EXECUTABLE') return RUN_EXIT.notExecutable;
  return RUN_EXIT.failed;
}
