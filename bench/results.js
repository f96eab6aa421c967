/** The shapes of what is measured, as in the JSON. Types only. */

/** @typedef {import('./statistics.js').Figure} Figure */
/** @typedef {import('./goals.js').Verdict} Verdict */

/**
 * Times in ms, one a round, in the order in which they were measured.
 * @typedef {object} RatioResult
 * @property {'ratio'} kind
 * @property {string} name of the case
 * @property {string} peer
 * @property {Figure} holdfast ms
 * @property {Figure} theirs ms
 * @property {Figure} ratio paired, round by round
 * @property {Figure} extraMs paired, round by round
 * @property {{ ratio: number, extraMs: number | undefined } | undefined} goal
 * @property {Verdict | undefined} verdict
 * @property {{ holdfast: number[], theirs: number[] }} samples
 */

/**
 * @typedef {object} GrowthResult
 * @property {'growth'} kind
 * @property {string} name
 * @property {readonly [number, number, number]} counts files
 * @property {readonly [Figure, Figure, Figure]} times ms
 * @property {number} growth the cost of one more file from the second size to the third, against the first to the second
 * @property {number} goal
 * @property {Verdict} verdict
 */

/**
 * What has a bound of its own, whatever a peer does.
 * @typedef {object} LimitResult
 * @property {'limit'} kind
 * @property {string} name
 * @property {number} value the largest of all runs: MB are 10^6 bytes, of the largest of its processes
 * @property {'MB' | 's'} unit
 * @property {number | undefined} nodeAlone what `node -e 0` takes of the same
 * @property {number} goal
 * @property {Verdict} verdict
 */

/**
 * What could not be measured here, and why.
 * @typedef {{ kind: 'absent', name: string, peer: string, reason: string }} AbsentResult
 */

/** @typedef {RatioResult | GrowthResult | LimitResult | AbsentResult} Result */

export {};
