import { describe, expect, it } from 'vitest';
import { figure, growth, pairedDifference, pairedRatio, quantile } from '../../bench/statistics.js';

describe('figures', () => {
  it('gives the middle value of an odd number, and the mean of the two in the middle of an even one', () => {
    expect(figure([9, 1, 5]).median).toBe(5);
    expect(figure([9, 1, 5, 6]).median).toBe(5.5);
  });

  it('gives the quartiles as the spread, which one slow run does not move', () => {
    expect(figure([1, 2, 3, 4, 5])).toEqual({ median: 3, low: 2, high: 4 });
    expect(figure([1, 2, 3, 4, 500])).toEqual({ median: 3, low: 2, high: 4 });
  });

  it('leaves the samples in the order in which they were measured', () => {
    const samples = [3, 1, 2];
    figure(samples);
    expect(samples).toEqual([3, 1, 2]);
  });

  it('is the only value where there is one, and refuses none', () => {
    expect(figure([7])).toEqual({ median: 7, low: 7, high: 7 });
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});

describe('pairs', () => {
  it('compares round by round: a machine that slows down for both changes no ratio', () => {
    expect(pairedRatio([10, 20, 40], [20, 40, 80])).toEqual({ median: 0.5, low: 0.5, high: 0.5 });
    expect(pairedDifference([10, 21, 42], [9, 19, 39]).median).toBe(2);
  });

  it('refuses runs that are no pairs', () => {
    expect(() => pairedRatio([1, 2], [1])).toThrow(RangeError);
  });
});

describe('growth', () => {
  it('is 1 where each further file costs the same, whatever the start costs', () => {
    expect(growth([100, 1000, 10_000], [50, 140, 1040])).toBeCloseTo(1);
  });

  it('is 10 where the cost of one more file grows with their number', () => {
    expect(growth([100, 1000, 10_000], [0.01, 1, 100])).toBeCloseTo(10, 0);
  });
});
