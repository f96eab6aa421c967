/**
 * An installation that is gone for a moment: pacman unlinks all of a package first, `rm -r p; cp -a new p` takes longer.
 * Waited for like any other half upgrade, where it was an installation before, for a snapshot of it is there, and where
 * somebody is at it now, for a directory on the way to it has changed a moment ago.
 */
import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import { monotonicMs, sleep } from '../../linux/time.ts';
import { recordsOf } from '../../snapshot/record/find-records.ts';
import type { Unsettled } from '../../snapshot/take/source.ts';
import { underWayError } from '../../snapshot/take/under-way.ts';
import type { Context } from '../context.ts';

/** How often to look again, ms. */
const LOOK_MS = 100;

/** A directory that has changed less than this ago may change again, ms. */
const YOUNG_MS = 2_000;

/** What a file that is being replaced looks like: not there, or there and not yet to be executed (GNU install). */
const GONE: ReadonlySet<string> = new Set(['NOT_FOUND', 'NOT_EXECUTABLE', 'NOT_AN_INSTALLATION']);

/** What is waited for, and how long. */
export interface Sought {
  /** where lightningd may be */
  readonly paths: readonly string[];
  /** there is a snapshot of it: it has been an installation */
  readonly wasThere: boolean;
  readonly settleMs: number;
}

/**
 * Runs `look` until it finds what is gone for a moment, the time is up, or nothing suggests that it will come back.
 * @throws HoldfastError what `look` throws at last
 */
export async function awaitReturn<T>(
  look: () => T,
  { paths, wasThere, settleMs }: Sought,
  notice: Context['notice'],
): Promise<T> {
  const deadline = monotonicMs() + settleMs;
  for (let said = false; ; said = true) {
    try {
      return look();
    } catch (error) {
      if (!isGone(error) || monotonicMs() >= deadline) throw error;
      if (!wasThere && !paths.some(isChanging)) throw error;
      const { message } = underWayError(error);
      if (!said) notice(`${message}; waiting up to ${settleMs / 1000} s for it to settle`);
      await sleep(Math.min(LOOK_MS, Math.max(0, deadline - monotonicMs())));
    }
  }
}

/**
 * What an attempt at a snapshot makes of it.
 * @throws `error` itself where the installation does not change, and the store has no snapshot of it
 */
export function asUnsettled(error: unknown, lightningd: string, store: string): Unsettled {
  if (!isGone(error)) throw error;
  if (!isChanging(lightningd) && recordsOf([lightningd], store).length === 0) throw error;
  return { unsettled: underWayError(error) };
}

function isGone(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && GONE.has(error.code);
}

/** Is somebody at the directories around lightningd? The nearest that are there count, ctimes too: cp -a sets mtimes back. */
function isChanging(lightningd: string): boolean {
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
