import { describe, expect, test } from 'vitest';
import { msUntilOpen, parseWindow } from '../../../src/commands/upgrade/window.ts';

const MINUTE = 60_000;
/** A moment of an ordinary day, by the clock on the wall. */
const at = (time: string) => new Date(`2026-06-15T${time}`);
const until = (window: string, time: string) => msUntilOpen(parseWindow(window)!, at(time));

test.for([
  ['03:00-05:00', { start: 180, end: 300 }],
  ['23:30-00:30', { start: 1410, end: 30 }],
  ['00:00-23:59', { start: 0, end: 1439 }],
  ...[
    '3:00-5:00',
    '03:00',
    '24:00-25:00',
    '03:60-04:00',
    '03:00-03:00',
    '03:00-05:00 ',
    '03:00–05:00',
    '',
  ].map(text => [text, undefined] as const),
] as const)('%j is %j', ([text, expected]) => {
  expect(parseWindow(text)).toEqual(expected);
});

describe('the time until the window is open', () => {
  test.for([
    ['03:00-05:00', '03:00:00', 0],
    ['03:00-05:00', '04:59:59', 0],
    ['03:00-05:00', '02:59:00', MINUTE],
    ['03:00-05:00', '05:00:00', 22 * 60 * MINUTE],
    ['23:30-00:30', '23:45:00', 0],
    ['23:30-00:30', '00:29:59', 0],
    ['23:30-00:30', '00:30:00', 23 * 60 * MINUTE],
    ['23:30-00:30', '12:00:00', 11.5 * 60 * MINUTE],
  ] as const)('of %s at %s is %i ms', ([window, time, expected]) => {
    expect(until(window, time)).toBe(expected);
  });

  test('is never nothing outside of it: a timer that fires early asks again', () => {
    expect(msUntilOpen(parseWindow('03:00-05:00')!, at('02:59:59.999'))).toBe(1000);
  });
});
