/** The progress line: late, seldom, and gone in the end. */
import { expect, it } from 'vitest';
import { makeProgress } from '../../src/cli/progress.ts';

function makeLine() {
  let time = 0;
  let screen = '';
  const progress = makeProgress(
    text => {
      screen += text;
    },
    () => time,
  );
  return {
    at: (ms: number, done: number) => {
      time = ms;
      screen = '';
      progress.show('verifying', done, 200e6);
      return screen;
    },
    clear: () => {
      screen = '';
      progress.clear();
      return screen;
    },
  };
}

it('work of a second or less shows nothing and leaves nothing to remove', () => {
  const line = makeLine();
  expect([line.at(1, 0), line.at(999, 100e6), line.clear()]).toEqual(['', '', '']);
});

it('longer work shows how far it is, ten times a second at most, and is removed', () => {
  const line = makeLine();
  expect(line.at(1000, 100e6)).toBe('\r\x1b[Kholdfast: verifying: 50% of 200 MB');
  expect(line.at(1099, 101e6)).toBe('');
  expect(line.at(1100, 199e6)).toContain(' 99% ');
  expect(line.clear()).toBe('\r\x1b[K');
  expect(line.clear()).toBe('');
});

it('without a terminal nothing is shown, however long it takes', () => {
  let time = 0;
  const progress = makeProgress(undefined, () => time);
  time = 10_000;
  expect(() => {
    progress.show('verifying', 1, 2);
    progress.clear();
  }).not.toThrow();
});
