/** One installation that is upgraded without end, and what may come of launching from it. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCInstallation } from '../../fixtures/stand-in/make-c.js';
import { UPGRADES } from '../../fixtures/stand-in/upgrade.js';
import { HOLDFAST, sleep } from './programs.js';

/** @typedef {import('../../fixtures/stand-in/layout.js').StandIn} StandIn */
/** @typedef {keyof typeof UPGRADES} Way */

/** The ways that leave a hard link as it was; in place is for copies alone. @type {readonly Way[]} */
export const WAYS = ['rename', 'rpm', 'install', 'unlink-first'];

/** Without the plugin in a script: it becomes a cat, which is in no manifest. */
export const PLAIN = { pythonPlugin: false };

export const VERSIONS = ['v25.12', 'v26.03'];

/** Pauses after an upgrade, in ms: within the gate's two seconds, and beyond. */
const PAUSES = [0, 300, 1000, 2500, 4000, 6000];

/** @typedef {{ dir: string, installed: StandIn, kept: StandIn[], roots: string[], env: NodeJS.ProcessEnv }} World */

/** @returns {World} */
export function makeWorld() {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'holdfast-long-'));
  const installed = makeCInstallation(dir, 'v25.12', PLAIN);
  const kept = VERSIONS.map(version => makeCInstallation(join(dir, version), version, PLAIN));
  const temporary = join(dir, 'tmp');
  mkdirSync(temporary);
  return { dir, installed, kept, roots: kept.map(rootOf), env: { ...process.env, TMPDIR: temporary } };
}

/** @param {StandIn} standIn */
function rootOf({ prefix }) {
  const { status, stdout, stderr } = spawnSync(HOLDFAST, ['root', '--json', prefix], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`holdfast root: ${stderr}`);
  return JSON.parse(stdout).root;
}

/**
 * One upgrade, in small pieces of time.
 * @param {Way} way @param {StandIn} from @param {StandIn} to @param {import('./random.js').Random} random
 */
export async function upgradeSlowly(way, from, to, random) {
  for (const _ of UPGRADES[way](from.prefix, to.prefix, from.files))
    if (random.oneIn(3)) await sleep(random.below(15));
}

/**
 * Upgrades and downgrades until `over` says so.
 * @param {World} world @param {() => readonly Way[]} ways @param {import('./random.js').Random} random
 * @param {import('./ledger.js').Ledger} ledger @param {() => boolean} over
 */
export async function upgradeForEver({ kept, installed }, ways, random, ledger, over) {
  for (let n = 1; !over(); n++) {
    const way = random.pick(ways());
    await upgradeSlowly(way, /** @type {StandIn} */ (kept[n % kept.length]), installed, random);
    ledger.count(`upgrades by ${way}`);
    await sleep(random.pick(PAUSES));
  }
}

/** A process's resident memory in kB and its open descriptors. @param {number} pid */
export function sizeOf(pid) {
  const memory = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  const { stdout } = spawnSync('ls', [`/proc/${pid}/fd`], { encoding: 'utf8' });
  return { memory: Number(memory), descriptors: stdout.trim().split('\n').length };
}
