/** What the commands may know of the process around them, and how they speak while they work. */

import { parseEnvironment } from '../launch/environment.ts';
import type { Inherited } from '../launch/inherited.ts';
import type { GivenOptions } from './words.ts';

/** Passed to commands instead of `process`, the clock and the terminal. */
export interface Surroundings {
  readonly inherited: Inherited;
  /** the caller's environment, the first of duplicate names */
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** effective user id */
  readonly uid: number;
  readonly pid: number;
  /** something the operator should know, said even if all goes well */
  readonly warn: (message: string) => void;
  /** what is being waited for; silent with --quiet */
  readonly notice: (message: string) => void;
  /** what was done; only with --verbose */
  readonly detail: (message: string) => void;
}

/** The surroundings of this process; `say` prints one line on stderr. */
export function surroundingsOf(
  inherited: Inherited,
  options: GivenOptions,
  say: (message: string) => void,
): Surroundings {
  const silent = (): void => undefined;
  return {
    inherited,
    environment: parseEnvironment(inherited.environment),
    cwd: currentDirectory(),
    uid: process.geteuid?.() ?? 0,
    pid: process.pid,
    warn: options.quiet === true ? silent : message => say(`warning: ${message}`),
    notice: options.quiet === true ? silent : say,
    detail: options.verbose === true ? say : silent,
  };
}

/** The working directory; one that was deleted or may not be searched still has its name in procfs (proc_pid_cwd(5)). */
function currentDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return '/proc/self/cwd';
  }
}
