/** A node with `--on-upgrade=restart`, upgraded again and again to a newer version: it follows each, and grows by nothing. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeCInstallation } from '../../fixtures/stand-in/make-c.js';
import { ask, HOLDFAST, sleep, start } from './programs.js';
import { PLAIN, sizeOf, upgradeSlowly, WAYS } from './world.js';

const RESTART_SECONDS = 60;

/**
 * @param {import('./world.js').World} world @param {number} restarts @param {import('./random.js').Random} random
 * @param {import('./ledger.js').Ledger} ledger
 * @returns {Promise<{ memory: number, descriptors: number }[]>} the parent's size after each restart
 */
export async function restartAgainAndAgain(world, restarts, random, ledger) {
  const home = join(world.dir, 'followed');
  const installed = makeCInstallation(home, 'v26.06', PLAIN);
  const place = join(home, 'node');
  const words = ['run', '--on-upgrade=restart', installed.lightningd, `--lightning-dir=${place}`];
  const parent = start(HOLDFAST, words, world.env);
  const sizes = [];
  for (let n = 0; n <= restarts && !parent.over(); n++) {
    const version = n === 0 ? 'v26.06' : `v26.06.${n}`;
    if (n > 0) {
      const next = makeCInstallation(join(home, 'next'), version, PLAIN);
      await upgradeSlowly(random.pick(WAYS), next, installed, random);
      rmSync(join(home, 'next'), { recursive: true });
    }
    if (!(await follows(parent, place, version))) {
      ledger.fault(
        `the node with --on-upgrade is not ${version} after ${RESTART_SECONDS} s`,
        parent.output(),
      );
      break;
    }
    const opened = await ask(place, 'bitcoin', 'open');
    if (!opened.includes(version)) ledger.fault(`mixed: ${version} opens with: ${opened}`, parent.output());
    if (n > 0) ledger.count('restarts by --on-upgrade');
    sizes.push(sizeOf(parent.pid));
  }
  if (parent.over()) ledger.fault(`the parent ended with ${await parent.ended}`, parent.output());
  parent.kill('SIGTERM');
  await parent.ended;
  return sizes;
}

/** Whether the node comes to be of that version. @param {import('./programs.js').Started} parent @param {string} place @param {string} version */
async function follows(parent, place, version) {
  for (const deadline = Date.now() + RESTART_SECONDS * 1000; Date.now() < deadline && !parent.over(); ) {
    const answer = await ask(place, 'bitcoin', 'getinfo');
    if (answer !== '' && JSON.parse(answer).version === version) return true;
    await sleep(20);
  }
  return false;
}
