/**
 * Starts programs and times them from outside, the competitors of a case in turn (A B C, A B C, …): what slows the
 * machine for a while slows all of them. Each run is a fresh process; the first round is a warm-up, not counted.
 */
import { spawnSync } from 'node:child_process';

/**
 * One run as the kernel accounted it.
 * @typedef {{ wallMs: number, cpuMs: number, peakKb: number }} Run
 */

/**
 * @typedef {object} Competitor
 * @property {string} name
 * @property {readonly string[]} command
 * @property {Record<string, string>} [env] besides ours
 * @property {() => void} [before] not timed
 * @property {() => void} [after] not timed
 * @property {readonly number[]} [accepts] exit statuses; default 0 only
 */

/** A command that did not do what it is measured for. */
export class Unmeasurable extends Error {}

export class Stopwatch {
  /** @param {string} program the compiled stopwatch.c */
  constructor(program) {
    this.program = program;
  }

  /**
   * Runs a command once.
   * @param {Competitor} competitor
   * @returns {Run}
   * @throws {Unmeasurable} with what it said, where it ended with another status
   */
  run({ name, command, env, before, after, accepts = [0] }) {
    before?.();
    const { stdout, stderr, error } = spawnSync(this.program, command, {
      encoding: 'utf8',
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    after?.();
    const [wall, cpu, peak, status] = stdout.trim().split(' ').map(Number);
    if (wall === undefined || cpu === undefined || peak === undefined || status === undefined) {
      throw new Unmeasurable(`${name}: ${wordsOf(stderr) ?? error?.message ?? 'cannot be started'}`);
    }
    if (!accepts.includes(status))
      throw new Unmeasurable(`${name} ended with ${status}: ${wordsOf(stderr) ?? 'it said nothing'}`);
    return { wallMs: wall / 1e6, cpuMs: cpu / 1e3, peakKb: peak };
  }

  /**
   * Runs all competitors, in turn.
   * @param {readonly Competitor[]} competitors
   * @param {number} rounds
   * @returns {Map<string, Run[]>} by the competitor's name
   */
  compare(competitors, rounds) {
    for (const competitor of competitors) this.run(competitor);
    /** @type {Map<string, Run[]>} */
    const runs = new Map(competitors.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const competitor of competitors) runs.get(competitor.name)?.push(this.run(competitor));
    }
    return runs;
  }
}

/** Its message, or what a crash of Node says, or its last word. @param {string} text */
function wordsOf(text) {
  const lines = text.trim().split('\n');
  const said = [/^holdfast: /, /^\w*Error: /].map(form => lines.find(line => form.test(line)));
  return said.find(line => line !== undefined) ?? (lines.at(-1) || undefined);
}
