/** Starts bin/holdfast as a user would, and reads what it says. */
import { spawnSync } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { copySync } from 'fs-extra/esm';

/** The program under test. */
export const HOLDFAST = join(import.meta.dirname, '../../bin/holdfast');

/** The same for other users, who may not reach a checkout in a closed home: see test/setup.ts. */
export const HOLDFAST_FOR_OTHERS =
  process.env.HOLDFAST_TEST_COPY === undefined
    ? HOLDFAST
    : join(process.env.HOLDFAST_TEST_COPY, 'bin/holdfast');

/** What of a checkout is installed. */
export const INSTALLED = ['bin', 'dist', 'package.json', 'node_modules/koffi', 'node_modules/@koromix'];

/** A holdfast of one's own, to be damaged. @returns `top` */
export function copyOfHoldfast(top: string): string {
  for (const part of INSTALLED)
    copySync(join(HOLDFAST, '../..', part), join(top, part), { dereference: true });
  return top;
}

/** How a call ended, and all it said. */
export interface Called {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options for a call. */
export interface CallOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** run as this user and group, without other groups; needs root */
  readonly user?: number;
  /** ms until it is killed; a command that hangs fails the test */
  readonly timeout?: number;
  /** another program, or a link to ours */
  readonly program?: string;
}

/** An ordinary user that has no name and owns nothing. */
export const ORDINARY_USER = 12345;

/** Runs holdfast to its end. */
export function holdfast(words: readonly string[], options: CallOptions = {}): Called {
  const { user, program = user === undefined ? HOLDFAST : HOLDFAST_FOR_OTHERS, ...rest } = options;
  const command =
    user === undefined
      ? [program]
      : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', program];
  const [file = program, ...before] = command;
  const { status, stdout, stderr } = spawnSync(file, [...before, ...words], {
    encoding: 'utf8',
    timeout: 120_000,
    ...rest,
  });
  return { status, stdout, stderr };
}

/** What `snapshot --json` says. Fails the test with its stderr where it did not end well. */
export function snapshotJson(words: readonly string[], options: CallOptions = {}) {
  const called = holdfast(['snapshot', '--json', ...words], options);
  if (called.status !== 0)
    throw new Error(`holdfast snapshot ended with ${called.status}:\n${called.stderr}`);
  return JSON.parse(called.stdout);
}

/** Every path below a directory with what it is: for "nothing was touched". */
export function fingerprint(top: string): Record<string, string> {
  const entries = readdirSync(top, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    entries.map(path => {
      const { mode, size, ino, mtimeMs, uid } = lstatSync(join(top, path));
      return [path, [mode.toString(8), size, ino, mtimeMs, uid].join(' ')];
    }),
  );
}
