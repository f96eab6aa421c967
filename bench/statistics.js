/** Medians, spreads and paired ratios. Pure. */

/**
 * A figure with its spread: the quartiles, which one slow run does not move.
 * @typedef {{ median: number, low: number, high: number }} Figure
 */

/**
 * Median and quartiles.
 * @param {readonly number[]} values at least one
 * @returns {Figure}
 */
export function figure(values) {
  return { median: quantile(values, 0.5), low: quantile(values, 0.25), high: quantile(values, 0.75) };
}

/**
 * The value below which a part `q` of the values lies, linear between neighbours (Hyndman and Fan 1996, type 7).
 * @param {readonly number[]} values
 * @param {number} q 0 to 1
 */
export function quantile(values, q) {
  if (values.length === 0) throw new RangeError('no values');
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = Math.floor(at);
  const lower = /** @type {number} */ (sorted[below]);
  const upper = sorted[below + 1] ?? lower;
  return lower + (upper - lower) * (at - below);
}

/**
 * Ratio round by round: of two runs one after the other, a machine that was slow meanwhile slowed both.
 * @param {readonly number[]} ours
 * @param {readonly number[]} theirs as many
 * @returns {Figure}
 */
export function pairedRatio(ours, theirs) {
  return figure(pair(ours, theirs).map(([a, b]) => a / b));
}

/**
 * Difference round by round.
 * @param {readonly number[]} ours
 * @param {readonly number[]} theirs as many
 * @returns {Figure}
 */
export function pairedDifference(ours, theirs) {
  return figure(pair(ours, theirs).map(([a, b]) => a - b));
}

/**
 * How the cost of one more file changes from the first step of three sizes to the second: 1 is linear.
 * From the medians: a difference of two runs is too noisy to be divided round by round.
 * @param {readonly [number, number, number]} counts ascending
 * @param {readonly [number, number, number]} times
 */
export function growth([few, more, many], [short, longer, long]) {
  return (long - longer) / (many - more) / ((longer - short) / (more - few));
}

/**
 * @param {readonly number[]} ours
 * @param {readonly number[]} theirs
 * @returns {(readonly [number, number])[]}
 */
function pair(ours, theirs) {
  if (ours.length !== theirs.length) throw new RangeError('runs that are no pairs');
  return ours.map((value, i) => [value, /** @type {number} */ (theirs[i])]);
}
