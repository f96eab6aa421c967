/** Launches on one network, one after the other: some are killed, some refused, all that start are of one version. */
import { join } from 'node:path';
import { ask, HOLDFAST, sleep, start } from './programs.js';
import { VERSIONS } from './world.js';

/** @typedef {import('./programs.js').Started} Started */

const ANSWER_SECONDS = 60;
const SETTLE_SECONDS = 3;

/** @typedef {{ world: import('./world.js').World, network: string, random: import('./random.js').Random, ledger: import('./ledger.js').Ledger, methods: () => readonly string[] }} Launching */

/** The directory of all nodes of a world. @param {import('./world.js').World} world */
export const lightningDir = ({ dir }) => join(dir, 'node');

/** One launch, and a short life. @param {Launching} launching */
export async function launchOnce(launching) {
  const { world, network, random, ledger, methods } = launching;
  const method = random.pick(methods());
  const place = [`--lightning-dir=${lightningDir(world)}`, `--network=${network}`];
  const words = [
    'run',
    `--settle=${SETTLE_SECONDS}`,
    `--method=${method}`,
    world.installed.lightningd,
    ...place,
  ];
  const node = start(HOLDFAST, words, world.env);
  ledger.count('launches');
  if (random.oneIn(8)) {
    await sleep(random.below(200));
    node.kill('SIGKILL');
    await node.ended;
    return ledger.count('launches ended by kill -9 at a random moment');
  }
  const version = await versionOf(node, launching);
  if (node.over()) return judgeEnd(await node.ended, node, launching);
  if (version === undefined) ledger.fault(`no answer within ${ANSWER_SECONDS} s`, node.output());
  else await live(node, version, launching);
  node.kill(random.pick(['SIGTERM', 'SIGKILL']));
  await node.ended;
}

/** What the node answers, or undefined where it has ended. @param {Started} node @param {Launching} launching */
async function versionOf(node, { world, network }) {
  for (
    const deadline = Date.now() + ANSWER_SECONDS * 1000;
    !node.over() && Date.now() < deadline;
    await sleep(10)
  ) {
    const answer = await ask(lightningDir(world), network, 'getinfo');
    // the socket may still be that of the node before
    if (answer !== '' && JSON.parse(answer).pid === node.pid) return JSON.parse(answer).version;
  }
  return undefined;
}

/** A node that was refused says why; one that ends otherwise was mixed, or crashed. @param {number} status @param {Started} node @param {Launching} launching */
function judgeEnd(status, node, { ledger }) {
  const said = node.output();
  const reason = said
    .split('\n')
    .filter(line => line.startsWith('holdfast: ') && !/warning|waiting/.test(line))[0];
  const crashed = /defect of holdfast|^\s+at /m.test(said);
  if (status < 125 || status > 127 || reason === undefined || crashed)
    return ledger.fault(`a launch ended with ${status}`, said);
  ledger.count('launches refused by the gate');
  ledger.count(`  ${reason.replaceAll(/'[^']*'/g, '…').replaceAll(/\d+ of \d+|v2\d\.\d\d/g, '…')}`);
}

/** Channels are opened: each needs a subdaemon of the node's own version. @param {Started} node @param {string} version @param {Launching} launching */
async function live(node, version, { world, network, random, ledger }) {
  ledger.count(`nodes of ${version}`);
  if (!VERSIONS.includes(version)) ledger.fault(`an unknown version ${version}`);
  for (let opens = random.below(4); opens > 0; opens--) {
    const answer = await ask(lightningDir(world), network, 'open');
    if (!answer.includes(version))
      ledger.fault(`mixed: a node of ${version} opens with: ${answer}`, node.output());
    ledger.count('channels opened');
    await sleep(random.below(400));
  }
  if (/restarting|bad version/.test(node.output())) ledger.fault('mixed: it restarts itself', node.output());
}
