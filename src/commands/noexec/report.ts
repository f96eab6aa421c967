/** The shape of `noexec-check --json`: described in docs/json.md, and stable. Absent facts are null. */
import type { FallbackOrigin } from '../../snapshot/fallback/candidates.ts';
import type { ExecProbe } from '../../snapshot/fallback/probe-exec.ts';
import type { MethodTrial } from '../../snapshot/fallback/try-placement.ts';

/** Can it hold programs? `unknown`: it could not be determined. */
export type Holds = 'yes' | 'no' | 'unknown';

/** What a directory is to the question: named by the operator, the store, or a fallback of `run`. */
export type DirectoryOrigin = 'given' | 'store' | FallbackOrigin;

/** The mount that a directory is on; mountinfo's fields, decoded. */
export interface MountReport {
  readonly mountPoint: string;
  readonly source: string;
  readonly fsType: string;
  /** of this mount: `rw`, `noexec` */
  readonly options: readonly string[];
  /** of the file system */
  readonly superOptions: readonly string[];
}

/** May we make files there? null where that was not tried. */
export interface WriteReport {
  readonly works: boolean | null;
  /** errno's name where not */
  readonly errno: string | null;
}

/** All that was found out of one directory. */
export interface DirectoryReport {
  readonly path: string;
  readonly origin: DirectoryOrigin;
  readonly exists: boolean;
  /** the directory that was looked at: itself, links resolved, or its nearest parent that exists; null: none could be */
  readonly judged: string | null;
  readonly mount: MountReport | null;
  readonly exec: ExecProbe;
  readonly write: WriteReport;
  /** null where the file system does not say */
  readonly freeBytes: number | null;
  /** bytes that a copy of the installation takes; null where there is none to be measured */
  readonly neededBytes: number | null;
  readonly hardlink: MethodTrial;
  readonly reflink: MethodTrial;
  readonly holds: Holds;
  /** the grounds for `holds`, in words */
  readonly reason: string;
}

/** The installation that links are tried from. */
export interface InstallationReport {
  /** lightningd's real path; null where none was found */
  readonly lightningd: string | null;
  readonly files: number | null;
  readonly bytes: number | null;
  /** why it is not known; null where it is */
  readonly reason: string | null;
}

/** Which of the directories `run` would use; with directories named, the first that could be its --snapshot-dir. */
export interface ChoiceReport {
  /** null: none */
  readonly path: string | null;
  readonly origin: DirectoryOrigin | null;
  readonly reason: string;
}

/** Something to type, and what it is good for. */
export interface Advice {
  readonly type: string;
  readonly effect: string;
}

/** The result of `noexec-check`. */
export interface NoexecReport {
  readonly installation: InstallationReport;
  /** those named; else the store, then each fallback in order */
  readonly directories: readonly DirectoryReport[];
  readonly choice: ChoiceReport;
  readonly advice: readonly Advice[];
  /** of the store; of all directories where some were named: `no` if one cannot, else `unknown` if one is not known */
  readonly holds: Holds;
}
