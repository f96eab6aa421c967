/** The cases that ask how cost grows with the number of files. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { removeSync } from 'fs-extra/esm';
import { GROWTH_GOAL, within } from './goals.js';
import { manyFilesInstallation } from './installations.js';
import { unlessAbsent } from './limits.js';
import { figure, growth } from './statistics.js';

/** @typedef {import('./cases.js').Setting} Setting */
/** @typedef {import('./cases.js').Case} Case */
/** @typedef {import('./measure.js').Competitor} Competitor */
/** @typedef {import('./results.js').Result} Result */

/** @type {readonly [number, number, number]} */
const COUNTS = [100, 1000, 10_000];

/** @type {readonly Case[]} */
export const scalingCases = [
  { name: 'first snapshot of 100, 1,000, 10,000 files', measure: firstOfMany },
  { name: 'relaunch with 100, 1,000, 10,000 files', measure: relaunchOfMany },
];

/** @param {Setting} setting */
function firstOfMany(setting) {
  return grows(setting, 'first snapshot of 100, 1,000, 10,000 files', dir => ({
    before: () => mkdirSync(dir, { mode: 0o700 }),
    after: () => removeSync(dir),
  }));
}

/** @param {Setting} setting */
function relaunchOfMany(setting) {
  return grows(setting, 'relaunch with 100, 1,000, 10,000 files', () => ({}));
}

/**
 * @param {Setting} setting
 * @param {string} name
 * @param {(dir: string) => Partial<Competitor>} around what is done before and after each run
 * @returns {Result[]}
 */
function grows({ top, holdfast, stopwatch, rounds }, name, around) {
  const competitors = COUNTS.map(count => {
    const base = join(top, name.replaceAll(/\W+/g, '-'), `${count}`);
    const { lightningd } = manyFilesInstallation(base, count);
    const dir = join(base, 'node');
    const command = [holdfast, 'snapshot', lightningd, `--lightning-dir=${dir}`];
    return { name: `${count}`, command, ...around(dir) };
  });
  return unlessAbsent(name, () => {
    const runs = stopwatch.compare(competitors, rounds);
    const [few, more, many] = COUNTS.map(count =>
      figure((runs.get(`${count}`) ?? []).map(run => run.wallMs)),
    );
    if (few === undefined || more === undefined || many === undefined)
      throw new RangeError('three sizes are compared');
    const grown = growth(COUNTS, [few.median, more.median, many.median]);
    return {
      kind: 'growth',
      name,
      counts: COUNTS,
      times: [few, more, many],
      growth: grown,
      goal: GROWTH_GOAL,
      verdict: within(grown, GROWTH_GOAL),
    };
  });
}
