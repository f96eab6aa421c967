/** A time of day in which a node may be restarted: `03:00-05:00`, by the clock on the wall. Pure. */

/** Minutes after midnight; an end that is not after the start is on the next day. */
export interface RestartWindow {
  readonly start: number;
  readonly end: number;
}

/** Reads `HH:MM-HH:MM`. @returns undefined where it is none, or both are the same */
export function parseWindow(text: string): RestartWindow | undefined {
  const [, ...digits] = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  const [h1, m1, h2, m2] = digits.map(Number);
  if (h1 === undefined || m1 === undefined || h2 === undefined || m2 === undefined) return undefined;
  const window = { start: h1 * 60 + m1, end: h2 * 60 + m2 };
  return window.start === window.end ? undefined : window;
}

/**
 * How long from `now` until the window is open, ms; 0: it is. In local time, where the days on which the clocks change
 * have 23 or 25 hours: ask again when the time has passed.
 */
export function msUntilOpen({ start, end }: RestartWindow, now: Date): number {
  const minute = now.getHours() * 60 + now.getMinutes();
  const isOpen = start < end ? minute >= start && minute < end : minute >= start || minute < end;
  if (isOpen) return 0;
  const opens = new Date(now);
  opens.setHours(Math.floor(start / 60), start % 60, 0, 0);
  if (opens <= now) opens.setDate(opens.getDate() + 1);
  return Math.max(opens.getTime() - now.getTime(), 1000); // where the clocks jump over the start
}
