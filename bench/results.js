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
 * @typedef {object} MemoryResult
 * @property {'memory'} kind
 * @property {string} name
 * @property {number} peakMb the largest of all runs and all of their processes, 10^6 bytes
 * @property {number} nodeMb what `node -e 0` takes
 * @property {number} goal
 * @property {Verdict} verdict
 */

/**
 * What could not be measured here, and why.
 * @typedef {{ kind: 'absent', name: string, peer: string, reason: string }} AbsentResult
 */

/** @typedef {RatioResult | GrowthResult | MemoryResult | AbsentResult} Result */

export {};
