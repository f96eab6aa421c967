/**
 * `npm run test:long`: many launches on three networks under endless upgrades of every kind, with status, verify, guard
 * and export beside them, kill -9 at random, and a node that follows upgrades by itself. LAUNCHES says how many (10,000),
 * RESTARTS how often the one with `--on-upgrade` (a tenth of it), SEED repeats the same choices. The last fifth of the
 * launches is by copies, with upgrades in place as well. Exits with 1 where something was mixed, found falsely or left.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { removeSync } from 'fs-extra/esm';
import { compile } from '../../fixtures/stand-in/make-c.js';
import { lookForEver } from './beside.js';
import { launchOnce, lightningDir } from './launches.js';
import { Ledger } from './ledger.js';
import { restartAgainAndAgain } from './parent.js';
import { HOLDFAST, processesOf, sleep } from './programs.js';
import { Random } from './random.js';
import { makeWorld, upgradeForEver, WAYS } from './world.js';

const LAUNCHES = Number(process.env.LAUNCHES ?? 10_000);
const RESTARTS = Number(process.env.RESTARTS ?? Math.ceil(LAUNCHES / 10));
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
const NETWORKS = ['bitcoin', 'testnet', 'regtest'];
const COPIES_FROM = 0.8;
const PROGRESS_MS = 30_000;

/** From so many restarts on, the parent must be as large at the end as at the start: memory by what its heap may vary. */
const FLAT_FROM = 40;
const GROWTH = { memory: 1.15, descriptors: 1 };

const compiled = compile();
if ('reason' in compiled) {
  console.error(`test:long needs a C compiler for its stand-in: ${compiled.reason}`);
  process.exit(2);
}
console.log(`seed ${SEED}, ${LAUNCHES} launches, ${RESTARTS} restarts, Node ${process.version}`);

const ledger = new Ledger();
const random = new Random(SEED);
const world = makeWorld();
const began = Date.now();
const over = () => ledger.of('launches') >= LAUNCHES;
const copies = () => ledger.of('launches') >= LAUNCHES * COPIES_FROM;
const progress = setInterval(() => {
  console.error(
    `${ledger.of('launches')} launches, ${ledger.of('restarts by --on-upgrade')} restarts, ${ledger.faults} faults`,
  );
}, PROGRESS_MS);

const ways = () => (copies() ? [...WAYS, /** @type {const} */ ('in-place')] : WAYS);
const methods = () => (copies() ? ['copy'] : ['auto', 'auto', 'hardlink', 'copy']);
const launching = NETWORKS.map(async network => {
  const own = { world, network, random: random.fork(), ledger, methods };
  while (!over()) await launchOnce(own);
});
const beside = [
  upgradeForEver(world, ways, random.fork(), ledger, over),
  lookForEver({ world, random: random.fork(), ledger }, over),
];
const sizes = await restartAgainAndAgain(world, RESTARTS, random.fork(), ledger);
await Promise.all([...launching, ...beside]);
clearInterval(progress);

await lookAtTheEnd();
report();
removeSync(world.dir);
process.exitCode = ledger.faults === 0 ? 0 : 1;

/** Nothing is left but one snapshot, the link to it and the lock. */
async function lookAtTheEnd() {
  await sleep(1000); // the children of what was killed see the end of their input
  for (const { command } of processesOf(world.dir)) ledger.fault('a process is left', command);
  const words = ['snapshot', '--json', world.installed.lightningd, `--lightning-dir=${lightningDir(world)}`];
  const last = spawnSync(HOLDFAST, words, { encoding: 'utf8', env: world.env });
  if (last.status !== 0) return ledger.fault('the last snapshot fails', last.stderr);
  const expected = ['.lock', 'CACHEDIR.TAG', 'current', JSON.parse(last.stdout).id];
  const left = readdirSync(join(lightningDir(world), 'subdaemons')).filter(name => !expected.includes(name));
  for (const name of left) ledger.fault('left in the store', name);
  for (const name of readdirSync(join(world.dir, 'tmp')))
    ledger.fault('left in the temporary directory', name);
  const { status, stderr } = spawnSync(HOLDFAST, ['verify', `--lightning-dir=${lightningDir(world)}`], {
    encoding: 'utf8',
  });
  if (status !== 0) ledger.fault('the last snapshot is damaged', stderr);
}

/** The counts, and the size of the parent that lived through all restarts. */
function report() {
  const part = Math.max(1, Math.floor(sizes.length / 4));
  for (const what of /** @type {const} */ (['memory', 'descriptors'])) {
    const most = (/** @type {typeof sizes} */ list) => Math.max(...list.map(size => size[what]));
    const [first, last] = [most(sizes.slice(0, part)), most(sizes.slice(-part))];
    console.log(`${what} of the parent: in the first quarter at most ${first}, in the last ${last}`);
    if (sizes.length >= FLAT_FROM && last > first * GROWTH[what]) ledger.fault(`${what} of the parent grow`);
  }
  ledger.print();
  console.log(`seed ${SEED}, ${Math.round((Date.now() - began) / 1000)} s`);
}
