/** What holdfast promises, as ratios within one run on one machine, and the judgement of a figure. Pure. */

/**
 * At most `ratio` times the peer, and at most `extraMs` more than it. Newer Nodes hash and start faster: `since24`.
 * @typedef {{ ratio: number, extraMs?: number, since24?: number }} Goal
 */

/**
 * @typedef {'met' | 'MISSED'} Verdict
 */

/** By case and peer; what stands in no row is measured for comparison only. */
export const GOALS = /** @type {const} @satisfies {Record<string, Record<string, Goal>>} */ ({
  'first snapshot, hard links': {
    'cp -al, sha256sum': { ratio: 0.35, since24: 0.25 },
    'cp -al, openssl': { ratio: 0.95 },
    ostree: { ratio: 0.25 },
  },
  'first snapshot, copies': {
    'cp -a, sha256sum': { ratio: 0.5 },
    'cp -a, openssl': { ratio: 0.8 },
  },
  'first snapshot, other file system': {
    'cp -a, sha256sum': { ratio: 0.5 },
    'cp -a, openssl': { ratio: 1.3 },
  },
  'unchanged relaunch': { 'node -e 0': { ratio: 1.35, extraMs: 40 } },
  'relaunch, two boots later': { 'the same boot': { ratio: 1.1 } },
  'relaunch, two boots later, nothing cached': { 'lightningd alone': { ratio: 1.25 } },
  verify: { 'sha256sum -c': { ratio: 0.6 } },
  '--help': { 'node -e 0': { ratio: 1.3 } },
  'status of one node': { 'node -e 0': { ratio: 1.5 } },
  'status, 20 nodes, 50 snapshots': { 'node -e 0': { ratio: 2.5 } },
});

/** The cost of one more file, from 1,000 to 10,000 against from 100 to 1,000. */
export const GROWTH_GOAL = 1.2;

/** Bounds by themselves. MB are 10^6 bytes of resident memory. */
export const LIMITS = {
  /** whatever the size of the files */
  peakMb: 80,
  /** of the parent that `--on-upgrade` stays */
  idleParentMb: 30,
  /** of a snapshot in a postinst: from its start to its end */
  postinstSeconds: 0.4,
  hundredThousand: { seconds: 12, mb: 250 },
};

/**
 * The goal of a case against a peer with this Node, if there is one.
 * @param {string} name of the case
 * @param {string} peer
 * @param {number} nodeMajor
 * @returns {{ ratio: number, extraMs: number | undefined } | undefined}
 */
export function goalOf(name, peer, nodeMajor) {
  const goal = /** @type {Record<string, Record<string, Goal>>} */ (GOALS)[name]?.[peer];
  if (goal === undefined) return undefined;
  return {
    ratio: nodeMajor >= 24 ? (goal.since24 ?? goal.ratio) : goal.ratio,
    extraMs: goal.extraMs,
  };
}

/**
 * Judges medians; no rounding in our favour.
 * @param {{ ratio: number, extraMs: number | undefined }} goal
 * @param {number} ratio
 * @param {number} extraMs
 * @returns {Verdict}
 */
export function judge(goal, ratio, extraMs) {
  return ratio <= goal.ratio && extraMs <= (goal.extraMs ?? Number.POSITIVE_INFINITY) ? 'met' : 'MISSED';
}

/** @param {number} value @param {number} limit @returns {Verdict} */
export function within(value, limit) {
  return value <= limit ? 'met' : 'MISSED';
}
