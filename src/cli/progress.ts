/**
 * One line on a terminal that says how far the work is: only for work over a second, and gone before anything else
 * is printed. Prints nothing itself: cli.ts gives it the means, or none where no line is wanted.
 */
import { monotonicMs } from '../linux/time.ts';

/** A progress line. */
export interface Progress {
  /** `done` of `total` bytes; shown from the second second on, ten times a second at most */
  show(what: string, done: number, total: number): void;
  /** removes the line */
  clear(): void;
}

const SILENT_MS = 1000;
const EVERY_MS = 100;

/**
 * @param write puts text on the terminal; undefined: there is none, or nobody wants to see it
 * @param now milliseconds of a clock that never goes back
 */
export function makeProgress(
  write: ((text: string) => void) | undefined,
  now: () => number = monotonicMs,
): Progress {
  const started = now();
  let shownAt = Number.NEGATIVE_INFINITY;
  const isShown = () => shownAt !== Number.NEGATIVE_INFINITY;
  return {
    show(what, done, total) {
      const time = now();
      if (write === undefined || time - started < SILENT_MS || time - shownAt < EVERY_MS) return;
      shownAt = time;
      const percent = total === 0 ? 100 : Math.floor((done * 100) / total);
      write(`\r\x1b[Kholdfast: ${what}: ${percent}% of ${(total / 1e6).toFixed(0)} MB`);
    },
    clear() {
      if (write === undefined || !isShown()) return;
      shownAt = Number.NEGATIVE_INFINITY;
      write('\r\x1b[K');
    },
  };
}
