/** The cases that have a bound of their own: memory, and an installation of 100,000 files. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeSync } from 'fs-extra/esm';
import { LIMITS, within } from './goals.js';
import { hugeFileInstallation, manyFilesInstallation, realSizeInstallation } from './installations.js';
import { Unmeasurable } from './measure.js';

/** @typedef {import('./cases.js').Setting} Setting */
/** @typedef {import('./cases.js').Case} Case */
/** @typedef {import('./measure.js').Competitor} Competitor */
/** @typedef {import('./measure.js').Run} Run */
/** @typedef {import('./results.js').Result} Result */

const HUGE = 2 ** 32;
/** Peaks hardly vary; the largest one counts. */
const ROUNDS = 3;
/** The parent has let go by then of what a launch takes, ms. */
const IDLE_MS = 5000;

const MANY = '100,000 files, hard links';

/** @type {readonly Case[]} */
export const limitCases = [
  {
    name: 'peak memory, 34 files of 128 MB, hard links',
    measure: setting => ofRealSize(setting, 'hard links', '--method=hardlink'),
  },
  {
    name: 'peak memory, 34 files of 128 MB, copies',
    measure: setting => ofRealSize(setting, 'copies', '--method=copy'),
  },
  { name: 'peak memory, one file of 4 GiB', measure: hugeFile },
  { name: 'peak memory, --from a tar.xz', measure: fromArchive },
  { name: 'resident memory, idle parent of --on-upgrade', measure: idleParent },
  { name: MANY, measure: hundredThousand },
];

/** @param {Setting} setting @param {string} how @param {string} option */
function ofRealSize(setting, how, option) {
  const { lightningd } = realSizeInstallation(join(setting.top, 'weighed'));
  return peak(setting, `peak memory, 34 files of 128 MB, ${how}`, [option, lightningd]);
}

/** @param {Setting} setting */
function hugeFile(setting) {
  const { lightningd } = hugeFileInstallation(join(setting.top, 'huge'), HUGE);
  return peak(setting, 'peak memory, one file of 4 GiB', ['--method=hardlink', lightningd]);
}

/** @param {Setting} setting */
function fromArchive(setting) {
  const name = 'peak memory, --from a tar.xz';
  const base = join(setting.top, 'packed');
  realSizeInstallation(base);
  const archive = join(base, 'release.tar.xz');
  const { status } = spawnSync('tar', ['-C', base, '-I', 'xz -0 -T0', '-cf', archive, 'usr']);
  if (status !== 0)
    return unlessAbsent(name, () => {
      throw new Unmeasurable('no tar with xz');
    });
  return peak(setting, name, [`--from=${archive}`, '--']);
}

/** @param {Setting} setting @param {string} name @param {readonly string[]} words @returns {Result[]} */
function peak(setting, name, words) {
  return unlessAbsent(name, () => {
    const nodeAlone = peakOf(runs(setting, { name: 'node -e 0', command: [setting.node, '-e', '0'] }));
    const value = peakOf(runs(setting, snapshot(setting, words)));
    return {
      kind: 'limit',
      name,
      value,
      unit: 'MB',
      nodeAlone,
      goal: LIMITS.peakMb,
      verdict: within(value, LIMITS.peakMb),
    };
  });
}

/** @param {Setting} setting @returns {Result[]} */
function idleParent({ top, node, holdfast, stopwatch }) {
  const name = 'resident memory, idle parent of --on-upgrade';
  const { lightningd } = realSizeInstallation(join(top, 'parent-installation'));
  const dir = join(top, 'parent');
  const parent = spawn(holdfast, ['run', '--on-upgrade=restart', lightningd, `--lightning-dir=${dir}`], {
    stdio: 'ignore',
  });
  process.on('exit', () => parent.kill());
  return unlessAbsent(name, () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, IDLE_MS);
    if (!existsSync(join(dir, 'bitcoin/lightning-rpc'))) throw new Unmeasurable('the node did not come up');
    const status = readFileSync(`/proc/${parent.pid}/status`, 'utf8');
    const value = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1.024e-3;
    parent.kill();
    const nodeAlone = stopwatch.run({ name: 'node -e 0', command: [node, '-e', '0'] }).peakKb * 1.024e-3;
    const goal = LIMITS.idleParentMb;
    return { kind: 'limit', name, value, unit: 'MB', nodeAlone, goal, verdict: within(value, goal) };
  });
}

/** @param {Setting} setting @returns {Result[]} */
function hundredThousand(setting) {
  const { lightningd } = manyFilesInstallation(join(setting.top, 'many'), 100_000);
  /** @type {Run[]} */
  let all = [];
  return [
    ...unlessAbsent(MANY, () => {
      all = runs(setting, snapshot(setting, ['--method=hardlink', lightningd]));
      const value = Math.max(...all.map(({ wallMs }) => wallMs)) / 1000;
      const goal = LIMITS.hundredThousand.seconds;
      return {
        kind: 'limit',
        name: MANY,
        value,
        unit: 's',
        nodeAlone: undefined,
        goal,
        verdict: within(value, goal),
      };
    }),
    ...unlessAbsent(MANY, () => {
      const value = peakOf(all);
      const goal = LIMITS.hundredThousand.mb;
      return {
        kind: 'limit',
        name: MANY,
        value,
        unit: 'MB',
        nodeAlone: undefined,
        goal,
        verdict: within(value, goal),
      };
    }),
  ];
}

/** A first snapshot. @param {Setting} setting @param {readonly string[]} words @returns {Competitor} */
function snapshot({ top, holdfast }, words) {
  const dir = join(top, 'memory');
  const command = [holdfast, 'snapshot', ...words, `--lightning-dir=${dir}`];
  return { name: 'holdfast', command, after: () => removeSync(dir) };
}

/** @param {Setting} setting @param {Competitor} competitor @returns {Run[]} */
function runs({ stopwatch }, competitor) {
  return Array.from({ length: ROUNDS }, () => stopwatch.run(competitor));
}

/** MB. @param {readonly Run[]} all */
function peakOf(all) {
  return Math.max(...all.map(({ peakKb }) => peakKb)) * 1.024e-3;
}

/** @param {string} name @param {() => Result} measure @returns {Result[]} */
export function unlessAbsent(name, measure) {
  try {
    return [measure()];
  } catch (error) {
    if (!(error instanceof Unmeasurable)) throw error;
    return [{ kind: 'absent', name, peer: 'holdfast', reason: error.message }];
  }
}
