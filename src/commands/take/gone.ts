/**
 * An installation that is gone for a moment: pacman unlinks all of a package first, `rm -r p; cp -a new p` takes longer.
 * Waited for like any other half upgrade, where it was an installation before, for a snapshot of it is there, and where
 * somebody is at it now, for a directory on the way to it has changed a moment ago.
 */
import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import { monotonicMs, sleep } from '../../linux/time.ts';
import { recordsOf } from '../../snapshot/store/find-records.ts';
import type { Unsettled } from '../../snapshot/take/source.ts';
import type { Context } from '../context.ts';

/** How often to look again, ms. */
const LOOK_MS = 100;

/** A directory that has changed less than this ago may change again, ms. */
const YOUNG_MS = 2_000;

/** What a file that is being replaced looks like: not there, or there and not yet to be executed (GNU install). */
const PASSING: ReadonlySet<string> = new Set(['NOT_FOUND', 'NOT_EXECUTABLE', 'NOT_AN_INSTALLATION']);

/** Where lightningd is looked for, and how long it is waited for. */
export interface Sought {
  /** the paths that the word LIGHTNINGD may mean */
  readonly paths: readonly string[];
  /** there is a snapshot of it */
  readonly wasThere: boolean;
  readonly settleMs: number;
}

/**
 * Runs `look` until it finds lightningd, as long as that is gone for a moment.
 * @throws HoldfastError `NOT_FOUND`, `NOT_EXECUTABLE`
 */
export async function awaitTarget<T>(
  look: () => T,
  { paths, wasThere, settleMs }: Sought,
  notice: Context['notice'],
): Promise<T> {
  const deadline = monotonicMs() + settleMs;
  return wait(look, { isWorthIt: () => wasThere || paths.some(isChanging), deadline, settleMs, notice });
}

/** Runs `look` until it finds an installation, or nobody is at it any more. @throws HoldfastError what `look` throws at last */
export async function awaitInstallation(
  look: () => void,
  lightningd: string,
  settleMs: number,
  notice: Context['notice'],
): Promise<void> {
  const deadline = monotonicMs() + settleMs;
  await wait(look, { isWorthIt: () => isChanging(lightningd), deadline, settleMs, notice });
}

/**
 * What an attempt at a snapshot makes of it.
 * @throws `error` itself where nobody is at the installation, and the store has no snapshot of it either
 */
export function asUnsettled(error: unknown, lightningd: string, store: string): Unsettled {
  if (!isPassing(error)) throw error;
  if (!isChanging(lightningd) && recordsOf([lightningd], store).length === 0) throw error;
  const unsettled = new HoldfastError('GATE', `${UNDER_WAY}: ${error.message}`, {
    path: error.path,
    cause: error,
    hint: [...error.hints, 'wait until the upgrade is complete, then try again'],
  });
  return { unsettled };
}

const UNDER_WAY = 'an upgrade seems to be under way';

function isPassing(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && PASSING.has(error.code);
}

interface Waiting {
  readonly isWorthIt: () => boolean;
  readonly deadline: number;
  readonly settleMs: number;
  readonly notice: Context['notice'];
}

async function wait<T>(look: () => T, { isWorthIt, deadline, settleMs, notice }: Waiting): Promise<T> {
  for (let said = false; ; said = true) {
    try {
      return look();
    } catch (error) {
      if (!isPassing(error) || monotonicMs() >= deadline || !isWorthIt()) throw error;
      if (!said)
        notice(`${UNDER_WAY}: ${error.message}; waiting up to ${settleMs / 1000} s for it to settle`);
      await sleep(Math.min(LOOK_MS, Math.max(0, deadline - monotonicMs())));
    }
  }
}

/** Is somebody at the directories around lightningd? The nearest that are there count, ctimes too: cp -a sets mtimes back. */
export function isChanging(lightningd: string): boolean {
  let bin = dirname(lightningd);
  while (statOf(bin) === undefined && bin !== '/') bin = dirname(bin);
  const around =
    bin === dirname(lightningd)
      ? [bin, dirname(bin), `${dirname(bin)}/libexec`, `${dirname(bin)}/libexec/c-lightning`]
      : [bin];
  return around
    .flatMap(path => statOf(path) ?? [])
    .some(({ mtimeMs, ctimeMs }) => isYoung(mtimeMs) || isYoung(ctimeMs));
}

function isYoung(ms: number): boolean {
  const age = Date.now() - ms;
  return age >= 0 && age < YOUNG_MS;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined; // not there, or not for us to look at
  }
}
