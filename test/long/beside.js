/** status, verify, guard and export at random beside the launches: none of them may find what is not there. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { lightningDir } from './launches.js';
import { HOLDFAST, sleep, start } from './programs.js';

/** @typedef {{ world: import('./world.js').World, random: import('./random.js').Random, ledger: import('./ledger.js').Ledger }} Looking */

/**
 * Each gives what is wrong with an answer, or undefined. A snapshot that was wiped meanwhile may be missing (2), but
 * nothing is damaged, written to or run from elsewhere, and no node of holdfast's keeps an upgrade back.
 * @type {Record<string, { words: (looking: Looking) => string[], wrong: (status: number, answer: any, looking: Looking) => string | undefined }>}
 */
const LOOKS = {
  status: {
    words: () => [],
    wrong: (_, { nodes = [] }) =>
      nodes.some(
        (/** @type {any} */ node) =>
          node.overwritten?.length || node.elsewhere?.length || node.outside?.length,
      )
        ? 'a node with programs of somewhere else'
        : undefined,
  },
  verify: { words: () => [], wrong: status => (status === 1 ? 'a damaged snapshot' : undefined) },
  'verify --running': {
    words: () => [],
    wrong: (status, { running }) => {
      if (status !== 1) return undefined;
      /** @type {any[]} */
      const processes = running?.nodes.flatMap((/** @type {any} */ node) => node.processes) ?? [];
      return `a process of elsewhere: ${JSON.stringify(processes.filter(each => each.origin !== 'manifest'))}`;
    },
  },
  guard: { words: () => [], wrong: status => (status === 1 ? 'a node that is in the way' : undefined) },
  export: {
    words: ({ world }) => ['current', archiveOf(world)],
    wrong: (status, _, { world }) => {
      if (status !== 0) return status === 1 ? 'a damaged snapshot' : undefined;
      const { stdout } = spawnSync(HOLDFAST, ['root', '--json', archiveOf(world)], { encoding: 'utf8' });
      return world.roots.includes(JSON.parse(stdout).root) ? undefined : 'a root that was never installed';
    },
  },
};

/** @param {import('./world.js').World} world */
const archiveOf = ({ dir }) => join(dir, 'exported.tar.gz');

/** Looks until `over` says so. @param {Looking} looking @param {() => boolean} over */
export async function lookForEver(looking, over) {
  const { world, random, ledger } = looking;
  while (!over()) {
    const name = random.pick(Object.keys(LOOKS));
    const look = LOOKS[name];
    const place =
      name === 'guard' ? ['--', world.installed.lightningd] : [`--lightning-dir=${lightningDir(world)}`];
    const words = [...name.split(' '), '--json', ...(look?.words(looking) ?? []), ...place];
    const called = start(HOLDFAST, words, world.env);
    if (random.oneIn(10)) {
      await sleep(random.below(100));
      called.kill('SIGKILL');
      await called.ended;
      ledger.count('looks ended by kill -9');
    } else {
      judge(name, await called.ended, called, looking);
    }
    rmSync(archiveOf(world), { force: true });
    await sleep(random.below(100));
  }
}

/** @param {string} name @param {number} status @param {import('./programs.js').Started} called @param {Looking} looking */
function judge(name, status, called, looking) {
  const crashed = status > 2 || /defect of holdfast|^\s+at /m.test(called.output());
  if (crashed) return looking.ledger.fault(`${name} ended with ${status}`, called.output());
  const answer = JSON.parse(called.stdout());
  looking.ledger.count([`${name}: ${status}`, answer.error?.code ?? []].flat().join(' '));
  const wrong = LOOKS[name]?.wrong(status, answer, looking);
  if (wrong !== undefined) looking.ledger.fault(`${name} finds ${wrong}`, called.output());
}
