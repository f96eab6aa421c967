/** What commands know of this process: made here, from what the launcher inherited and noted. */
import { join } from 'node:path';
import type { Context } from '../commands/context.ts';
import { parseEnvironment } from '../launch/environment.ts';
import type { Inherited } from '../launch/inherited.ts';
import { readProcFile } from '../linux/proc/read-proc.ts';
import type { Priority } from './journal.ts';
import { makeProgress, type Progress } from './progress.ts';
import type { GivenOptions } from './words.ts';

/** The context, and the notes that bin/holdfast took of what Node would overwrite. */
export interface Surroundings extends Context {
  readonly inherited: Inherited;
  /** shows nothing where there is no terminal, nor with --quiet or --json */
  readonly progress: Progress;
}

/**
 * The surroundings of this process; `say` prints one line on stderr, `draw` draws on the terminal if that is one.
 * @param isJournal does stderr lead to the journal of systemd?
 */
export function surroundingsOf(
  inherited: Inherited,
  options: GivenOptions,
  say: (message: string, priority: Priority) => void,
  draw: (text: string) => void,
  isJournal: boolean,
): Surroundings {
  const silent = (): void => undefined;
  const info = (message: string): void => say(message, 'info');
  return {
    inherited,
    progress: makeProgress(options.quiet === true || options.json === true ? undefined : draw),
    environment: parseEnvironment(inherited.environment ?? readProcFile('/proc/self/environ')),
    cwd: currentDirectory(),
    uid: process.geteuid?.() ?? 0,
    pid: process.pid,
    self: join(import.meta.dirname, '..', 'bin', 'holdfast'), // from dist/, which Node has resolved
    warn: options.quiet === true ? silent : message => say(`warning: ${message}`, 'warning'),
    notice: options.quiet === true ? silent : info,
    detail: options.verbose === true ? info : silent,
    journal:
      isJournal && options.quiet !== true
        ? message => info(`${message}, ${Math.round(process.uptime() * 1000)} ms`)
        : undefined,
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
