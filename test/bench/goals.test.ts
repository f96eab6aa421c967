import { describe, expect, it } from 'vitest';
import { goalOf, judge } from '../../bench/goals.js';

describe('goals', () => {
  it('expects more of a newer Node, which hashes and starts faster', () => {
    expect(goalOf('first snapshot, hard links', 'cp -al, sha256sum', 20)?.ratio).toBe(0.35);
    expect(goalOf('first snapshot, hard links', 'cp -al, sha256sum', 22)?.ratio).toBe(0.35);
    expect(goalOf('first snapshot, hard links', 'cp -al, sha256sum', 24)?.ratio).toBe(0.25);
    expect(goalOf('first snapshot, hard links', 'ostree', 26)?.ratio).toBe(0.25);
  });

  it('has none for what is measured for comparison only', () => {
    expect(goalOf('first snapshot, hard links', 'rsync', 20)).toBeUndefined();
    expect(goalOf('something new', 'node -e 0', 20)).toBeUndefined();
  });

  it('counts a figure at its goal as met, and does not round one above it down', () => {
    const goal = { ratio: 1.5, extraMs: undefined };
    expect(judge(goal, 1.5, 1000)).toBe('met');
    expect(judge(goal, 1.5001, 0)).toBe('MISSED');
  });

  it('counts a ratio that is met with too much time as missed', () => {
    const goal = { ratio: 1.5, extraMs: 40 };
    expect(judge(goal, 1.4, 40.1)).toBe('MISSED');
    expect(judge(goal, 1.4, 39)).toBe('met');
  });
});
