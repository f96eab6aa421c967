/** The cases that ask how cost grows: with the number of files, and memory with their size. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { removeSync } from 'fs-extra/esm';
import { GROWTH_GOAL, MEMORY_GOAL } from './goals.js';
import { hugeFileInstallation, manyFilesInstallation, realSizeInstallation } from './installations.js';
import { Unmeasurable } from './measure.js';
import { figure, growth } from './statistics.js';

/** @typedef {import('./cases.js').Setting} Setting */
/** @typedef {import('./cases.js').Case} Case */
/** @typedef {import('./measure.js').Competitor} Competitor */
/** @typedef {import('./results.js').Result} Result */

/** @type {readonly [number, number, number]} */
const COUNTS = [100, 1000, 10_000];
const HUGE = 2 ** 32;
/** Peaks hardly vary; the largest one counts. */
const MEMORY_ROUNDS = 3;

/** @type {readonly Case[]} */
export const scalingCases = [
  { name: 'first snapshot of 100, 1,000, 10,000 files', measure: firstOfMany },
  { name: 'relaunch with 100, 1,000, 10,000 files', measure: relaunchOfMany },
  { name: 'peak memory, 34 files of 128 MB, hard links', measure: setting => memory(setting, 'hardlink') },
  { name: 'peak memory, 34 files of 128 MB, copies', measure: setting => memory(setting, 'copy') },
  { name: 'peak memory, one file of 4 GiB', measure: hugeFile },
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
      verdict: grown <= GROWTH_GOAL ? 'met' : 'MISSED',
    };
  });
}

/** @param {Setting} setting @param {'hardlink' | 'copy'} method */
function memory(setting, method) {
  const { lightningd } = realSizeInstallation(join(setting.top, 'weighed'));
  const name = `peak memory, 34 files of 128 MB, ${method === 'copy' ? 'copies' : 'hard links'}`;
  return peak(setting, name, lightningd, `--method=${method}`);
}

/** @param {Setting} setting */
function hugeFile(setting) {
  const { lightningd } = hugeFileInstallation(join(setting.top, 'huge'), HUGE);
  return peak(setting, 'peak memory, one file of 4 GiB', lightningd, '--method=hardlink');
}

/**
 * @param {Setting} setting @param {string} name @param {string} lightningd @param {string} option
 * @returns {Result[]}
 */
function peak({ top, node, holdfast, stopwatch }, name, lightningd, option) {
  const dir = join(top, 'memory');
  const after = () => removeSync(dir);
  const command = [holdfast, 'snapshot', option, lightningd, `--lightning-dir=${dir}`];
  return unlessAbsent(name, () => {
    const most = (/** @type {Competitor} */ competitor) =>
      Math.max(...Array.from({ length: MEMORY_ROUNDS }, () => stopwatch.run(competitor).peakKb)) * 1.024e-3;
    const peakMb = most({ name: 'holdfast', command, after });
    const nodeMb = most({ name: 'node -e 0', command: [node, '-e', '0'] });
    const verdict = peakMb <= MEMORY_GOAL ? 'met' : 'MISSED';
    return { kind: 'memory', name, peakMb, nodeMb, goal: MEMORY_GOAL, verdict };
  });
}

/** @param {string} name @param {() => Result} measure @returns {Result[]} */
function unlessAbsent(name, measure) {
  try {
    return [measure()];
  } catch (error) {
    if (!(error instanceof Unmeasurable)) throw error;
    return [{ kind: 'absent', name, peer: 'holdfast', reason: error.message }];
  }
}
