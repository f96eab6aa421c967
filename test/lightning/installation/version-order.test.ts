/** Which of two versions is the newer one. */
import { expect, test } from 'vitest';
import { orderOf } from '../../../src/lightning/installation/version-order.ts';

const reverse = { older: 'newer', newer: 'older', same: 'same', unknown: 'unknown' } as const;

test.for([
  ['v26.06.6', 'newer', 'v25.12.1'],
  ['v25.12.1', 'newer', 'v25.12'],
  ['v25.12.10', 'newer', 'v25.12.9'],
  ['v25.12', 'newer', 'v25.09.3'],
  ['v26.03', 'newer', 'v25.12'],
  ['v25.12', 'newer', 'v25.12rc3'],
  ['v25.12rc2', 'newer', 'v25.12rc1'],
  ['v25.12rc10', 'newer', 'v25.12rc9'],
  ['v25.12rc1', 'newer', 'v25.09.3'],
  ['v25.12.1rc1', 'newer', 'v25.12'],
  ['v0.12.1', 'older', 'v22.11'],
  ['v25.12', 'same', 'v25.12'],
  ['v25.12', 'same', '25.12'],
  ['v26.06-258-g090f4b0', 'newer', 'v26.06'],
  ['v26.06-258-g090f4b0', 'newer', 'v26.06-31-g1234567'],
  ['v26.06-258-g090f4b0', 'newer', 'v25.12.1'],
  ['v26.06-258-g090f4b0', 'older', 'v26.09rc1'],
  ['v26.06-258-g090f4b0-modded', 'newer', 'v26.06-31-g1234567'],
  ['v26.03-holdB', 'newer', 'v25.12-holdA'],
  // the branch of development is not that of the point releases: which has the newer database is not to be told
  ['v26.06-258-g090f4b0', 'unknown', 'v26.06.6'],
  ['v26.06rc1-12-g090f4b0', 'unknown', 'v26.06'],
  ['v26.06-258-g090f4b0', 'unknown', 'v26.06-258-g1234567'],
  ['v25.12-holdA', 'unknown', 'v25.12-holdB'],
  ['v25.12-modded', 'unknown', 'v25.12'],
  ['bf4ba5e', 'unknown', 'v25.12'],
  ['bf4ba5e', 'unknown', '1234567'],
  ['bf4ba5e', 'same', 'bf4ba5e'],
  ['', 'unknown', 'v25.12'],
] as const)('%s is %s than/as %s', ([version, order, other]) => {
  expect(orderOf(version, other)).toBe(order);
  expect(orderOf(other, version)).toBe(reverse[order]);
});
