/** The clocks that holdfast looks at, and waiting. Neither loads a module of Node: each costs a launch (measured). */

/**
 * Milliseconds since some moment in the past: clock_gettime(2), CLOCK_MONOTONIC. For limits and durations;
 * performance.now() costs 4 ms at its first call (measured).
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1_000_000;
}

/** Nanoseconds since the epoch, to compare with time stamps of files; as fine as a millisecond. */
export function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** Waits so many milliseconds. node:timers/promises does the same, but loading it takes 0.3 ms of every launch (measured). */
export function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
