/**
 * The cases: what is compared with what, on what, and what has to be made anew for each run. The commands of the peers
 * are what an operator would type.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { copySync, removeSync } from 'fs-extra/esm';
import { goalOf, judge } from './goals.js';
import { instantInstallation, realSizeInstallation, smallInstallation } from './installations.js';
import { limitCases } from './limits.js';
import { Unmeasurable } from './measure.js';
import { postinst } from './postinst.js';
import { scalingCases } from './scaling.js';
import { figure, pairedDifference, pairedRatio } from './statistics.js';

/** @typedef {import('./measure.js').Competitor} Competitor */
/** @typedef {import('./results.js').Result} Result */

/**
 * @typedef {object} Setting
 * @property {string} top where everything is made
 * @property {string} node
 * @property {number} nodeMajor
 * @property {string} holdfast bin/holdfast
 * @property {import('./measure.js').Stopwatch} stopwatch
 * @property {number} rounds
 * @property {(program: string) => boolean} isThere
 */

/** @typedef {{ name: string, measure: (setting: Setting) => Result[] }} Case */

/** @type {readonly Case[]} */
export const cases = [
  { name: 'first snapshot, hard links', measure: firstHardLinks },
  { name: 'first snapshot, copies', measure: firstCopies },
  { name: 'first snapshot, other file system', measure: firstElsewhere },
  { name: 'unchanged relaunch', measure: relaunch },
  { name: 'relaunch, two boots later', measure: relaunchAfterBoots },
  { name: 'relaunch, two boots later, nothing cached', measure: relaunchUncached },
  { name: 'verify', measure: verify },
  { name: '--help', measure: help },
  { name: 'status of one node', measure: status },
  { name: 'status, 20 nodes, 50 snapshots', measure: statusOfMany },
  ...scalingCases,
  { name: "first snapshot, in dpkg's postinst", measure: postinst },
  ...limitCases,
];

const BOOT_ID = '/proc/sys/kernel/random/boot_id';
const LINK_TREE = 'cp -al "$1" "$2" && find "$2" -type f -exec sha256sum {} +';
const LINK_TREE_OPENSSL = 'cp -al "$1" "$2" && find "$2" -type f -exec openssl dgst -sha256 {} +';
const COPY_TREE = 'cp -a --reflink=never "$1" "$2" && find "$2" -type f -exec sha256sum {} +';
const COPY_TREE_OPENSSL =
  'cp -a --reflink=never "$1" "$2" && find "$2" -type f -exec openssl dgst -sha256 {} +';
// --fsync=false: holdfast does not wait for the disk either
const OSTREE =
  'ostree --repo="$2/repo" commit --fsync=false --branch=node --tree=dir="$1" && ostree --repo="$2/repo" checkout -UH node "$2/tree"';

/** @param {Setting} setting */
function firstHardLinks(setting) {
  const { prefix, lightningd } = realSizeInstallation(join(setting.top, 'linked'));
  const peers = [
    fresh(setting, 'cp -al, sha256sum', dir => shell(LINK_TREE, prefix, `${dir}/tree`)),
    fresh(setting, 'cp -al, openssl', dir => shell(LINK_TREE_OPENSSL, prefix, `${dir}/tree`)),
    fresh(
      setting,
      'ostree',
      dir => shell(OSTREE, prefix, dir),
      dir =>
        setting.stopwatch.run({
          name: 'ostree',
          command: ['ostree', `--repo=${dir}/repo`, 'init', '--mode=bare-user-only'],
        }),
    ),
  ];
  const ours = fresh(setting, 'holdfast', dir => snapshot(setting, lightningd, dir, '--method=hardlink'));
  return against(setting, 'first snapshot, hard links', ours, peers);
}

/** @param {Setting} setting */
function firstCopies(setting) {
  return copies(setting, 'first snapshot, copies', setting.top, '--method=copy');
}

/** @param {Setting} setting @returns {Result[]} */
function firstElsewhere(setting) {
  const name = 'first snapshot, other file system';
  const reason = unsuitable('/dev/shm', setting.top);
  if (reason !== undefined) return [{ kind: 'absent', name, peer: 'cp -a', reason }];
  const elsewhere = mkdtempSync('/dev/shm/holdfast-bench-');
  process.on('exit', () => removeSync(elsewhere));
  return copies(setting, name, elsewhere, '--no-fallback');
}

/** @param {Setting} setting @param {string} name @param {string} target @param {string} option */
function copies(setting, name, target, option) {
  const { prefix, lightningd } = realSizeInstallation(join(setting.top, 'copied'));
  const there = { ...setting, top: target };
  const peers = [
    fresh(there, 'cp -a, sha256sum', dir => shell(COPY_TREE, prefix, `${dir}/tree`)),
    fresh(there, 'cp -a, openssl', dir => shell(COPY_TREE_OPENSSL, prefix, `${dir}/tree`)),
  ];
  const ours = fresh(there, 'holdfast', dir => snapshot(setting, lightningd, dir, option));
  return against(setting, name, ours, peers);
}

/** @param {Setting} setting */
function relaunch(setting) {
  const { lightningd } = instantInstallation(join(setting.top, 'instant'));
  const dir = join(setting.top, 'relaunched');
  const command = [setting.holdfast, 'run', lightningd, `--lightning-dir=${dir}`];
  return against(setting, 'unchanged relaunch', { name: 'holdfast', command }, [nodeAlone(setting)]);
}

/**
 * A snapshot of the boot before last, which the last one has read, against one of this boot.
 * @param {Setting} setting @returns {Result[]}
 */
function relaunchAfterBoots(setting) {
  const name = 'relaunch, two boots later';
  const { lightningd } = instantInstallation(join(setting.top, 'rebooted-installation'));
  return ofAnotherBoot(setting, name, 'the same boot', () => {
    const launch = (/** @type {number} */ boot, /** @type {string} */ dir) =>
      inBoot(setting, boot, [
        setting.holdfast,
        'run',
        '--method=copy',
        lightningd,
        lightningDir(setting, dir),
      ]);
    for (const command of [
      launch(1, 'of-another-boot'),
      launch(2, 'of-another-boot'),
      launch(3, 'of-this-boot'),
    ])
      setting.stopwatch.run({ name, command });
    return [launch(3, 'of-another-boot'), launch(3, 'of-this-boot')];
  });
}

/**
 * The first start after the machine was switched on, from a snapshot of the boot before last, until the node's socket is
 * there: against lightningd without holdfast. Both read all from the disk.
 * @param {Setting} setting @returns {Result[]}
 */
function relaunchUncached(setting) {
  const name = 'relaunch, two boots later, nothing cached';
  const { lightningd } = realSizeInstallation(join(setting.top, 'uncached-installation'));
  const until = (/** @type {readonly string[]} */ command, /** @type {string} */ dir) =>
    shell(UNTIL_UP, join(setting.top, dir, 'bitcoin/lightning-rpc'), ...command);
  return ofAnotherBoot(
    setting,
    name,
    'lightningd alone',
    () => {
      const [ours, plain] = ['uncached', 'uncached-plain'];
      const launch = [setting.holdfast, 'run', lightningd, lightningDir(setting, ours)];
      for (const boot of [1, 2])
        setting.stopwatch.run({ name, command: inBoot(setting, boot, until(launch, ours)) });
      const alone = until([lightningd, lightningDir(setting, plain)], plain);
      const both = [inBoot(setting, 3, until(launch, ours)), inBoot(setting, 3, alone)];
      dropCaches();
      return both;
    },
    dropCaches,
  );
}

/** Starts a command, waits for a file that it makes, and ends it. */
const UNTIL_UP =
  'rm -f "$1"; up=$1; shift; "$@" >/dev/null & until [ -e "$up" ]; do kill -0 $! && sleep 0.002 || exit; done; kill $!';

/** @throws {Unmeasurable} where that is not ours to do */
function dropCaches() {
  try {
    spawnSync('sync');
    writeFileSync('/proc/sys/vm/drop_caches', '3');
  } catch {
    throw new Unmeasurable('caches cannot be dropped: root may');
  }
}

/**
 * @param {Setting} setting @param {string} name @param {string} peer
 * @param {() => (readonly string[])[]} prepare ours and theirs, each in the third boot
 * @param {() => void} [before] each run
 * @returns {Result[]}
 */
function ofAnotherBoot(setting, name, peer, prepare, before) {
  try {
    const [ours = [], theirs = []] = prepare();
    const around = before === undefined ? {} : { before };
    return against(setting, name, { name: 'holdfast', command: ours, ...around }, [
      { name: peer, command: theirs, ...around },
    ]);
  } catch (error) {
    if (!(error instanceof Unmeasurable)) throw error;
    return [{ kind: 'absent', name, peer, reason: error.message }];
  }
}

/**
 * A command in another boot: another id over the kernel's, in a mount namespace of its own.
 * @param {Setting} setting @param {number} boot @param {readonly string[]} command
 */
function inBoot({ top }, boot, command) {
  const id = join(top, `boot-${boot}`);
  writeFileSync(id, `00000000-0000-4000-8000-00000000000${boot}\n`);
  return [
    'unshare',
    '-m',
    ...shell('mount --bind "$1" "$2" && shift 2 && exec "$@"', id, BOOT_ID, ...command),
  ];
}

/** @param {Setting} setting @param {string} dir */
function lightningDir({ top }, dir) {
  return `--lightning-dir=${join(top, dir)}`;
}

/** @param {Setting} setting */
function verify(setting) {
  const dir = nodeDirectory(setting, 'verified');
  return against(
    setting,
    'verify',
    { name: 'holdfast', command: [setting.holdfast, 'verify', `--lightning-dir=${dir}`] },
    [
      {
        name: 'sha256sum -c',
        command: shell(
          'cd "$1" && sha256sum -c SHA256SUMS && sha256sum .libraries/*',
          `${dir}/subdaemons/current`,
        ),
      },
    ],
  );
}

/** @param {Setting} setting */
function help(setting) {
  return against(setting, '--help', { name: 'holdfast', command: [setting.holdfast, '--help'] }, [
    nodeAlone(setting),
  ]);
}

/** Of a node that runs meanwhile. @param {Setting} setting */
function status(setting) {
  const dir = nodeDirectory(setting, 'running');
  const lightningd = join(setting.top, 'running-installation/usr/bin/lightningd');
  return whileRunning(setting, lightningd, [dir], () => statusOf(setting, 'status of one node', dir));
}

/** Of one of 20 nodes, with 50 snapshots in its store. @param {Setting} setting */
function statusOfMany(setting) {
  const { lightningd } = smallInstallation(join(setting.top, 'nodes-installation'));
  const dirs = Array.from({ length: 20 }, (_, n) => join(setting.top, `node-${n}`));
  const [first = ''] = dirs;
  return whileRunning(setting, lightningd, dirs, () => {
    const store = join(first, 'subdaemons');
    const snapshot = realpathSync(join(store, 'current'));
    for (let n = 1; n < 50; n++) copySync(snapshot, join(store, `${n}`.padStart(16, '0')));
    return statusOf(setting, 'status, 20 nodes, 50 snapshots', first);
  });
}

/** @param {Setting} setting @param {string} name @param {string} dir */
function statusOf(setting, name, dir) {
  const command = [setting.holdfast, 'status', `--lightning-dir=${dir}`];
  return against(setting, name, { name: 'holdfast', command, accepts: [0, 1] }, [nodeAlone(setting)]);
}

/**
 * @param {Setting} setting @param {string} lightningd @param {readonly string[]} dirs a node in each
 * @param {() => Result[]} measure
 */
function whileRunning({ holdfast }, lightningd, dirs, measure) {
  const running = dirs.map(dir =>
    spawn(holdfast, ['run', lightningd, `--lightning-dir=${dir}`], { stdio: 'ignore' }),
  );
  const stop = () => {
    for (const node of running) node.kill();
  };
  process.on('exit', stop);
  const deadline = Date.now() + 30_000;
  while (!dirs.every(dir => existsSync(join(dir, 'bitcoin/lightning-rpc'))) && Date.now() < deadline) pause();
  const results = measure();
  stop();
  return results;
}

/** A lightning-dir with a snapshot in it. @param {Setting} setting @param {string} name */
function nodeDirectory(setting, name) {
  const { lightningd } = realSizeInstallation(join(setting.top, `${name}-installation`));
  const dir = join(setting.top, name);
  setting.stopwatch.run({ name: 'holdfast', command: snapshot(setting, lightningd, dir) });
  return dir;
}

/**
 * Measures ours and those peers that are there.
 * @param {Setting} setting @param {string} name @param {Competitor} ours @param {readonly Competitor[]} peers
 * @returns {Result[]}
 */
function against({ stopwatch, rounds, nodeMajor, isThere }, name, ours, peers) {
  const missing = peers.filter(peer => !isThere(needed(peer)));
  const present = peers.filter(peer => !missing.includes(peer));
  /** @type {Result[]} */
  const absent = missing.map(peer => ({
    kind: 'absent',
    name,
    peer: peer.name,
    reason: `no ${needed(peer)}`,
  }));
  try {
    const runs = stopwatch.compare([ours, ...present], rounds);
    const times = (/** @type {string} */ of) => runs.get(of)?.map(({ wallMs }) => wallMs) ?? [];
    const holdfast = times(ours.name);
    const compared = present.map(peer => {
      const theirs = times(peer.name);
      const ratio = pairedRatio(holdfast, theirs);
      const extraMs = pairedDifference(holdfast, theirs);
      const goal = goalOf(name, peer.name, nodeMajor);
      return /** @type {const} */ ({
        kind: 'ratio',
        name,
        peer: peer.name,
        holdfast: figure(holdfast),
        theirs: figure(theirs),
        ratio,
        extraMs,
        goal,
        verdict: goal && judge(goal, ratio.median, extraMs.median),
        samples: { holdfast, theirs },
      });
    });
    return [...compared, ...absent];
  } catch (error) {
    if (!(error instanceof Unmeasurable)) throw error;
    return peers.map(peer => ({ kind: 'absent', name, peer: peer.name, reason: error.message }));
  }
}

/** The program without which a peer cannot be measured. @param {Competitor} peer */
function needed({ name }) {
  return /\b(?:openssl|ostree|sha256sum)\b/.exec(name)?.[0] ?? 'sh';
}

/**
 * A competitor that gets a new directory for each run, on the same file system.
 * @param {Setting} setting
 * @param {string} name
 * @param {(dir: string) => readonly string[]} command
 * @param {(dir: string) => void} [prepare]
 * @returns {Competitor}
 */
function fresh({ top }, name, command, prepare) {
  const dir = join(top, `fresh-${name.replaceAll(/\W+/g, '-')}`);
  return {
    name,
    command: command(dir),
    before: () => {
      mkdirSync(dir, { mode: 0o700 });
      prepare?.(dir);
    },
    after: () => removeSync(dir),
  };
}

/** @param {Setting} setting @param {string} lightningd @param {string} dir @param {string[]} options */
function snapshot({ holdfast }, lightningd, dir, ...options) {
  return [holdfast, 'snapshot', ...options, lightningd, `--lightning-dir=${dir}`];
}

/** @param {Setting} setting @returns {Competitor} */
function nodeAlone({ node }) {
  return { name: 'node -e 0', command: [node, '-e', '0'] };
}

/** @param {string} script @param {string[]} words its $1, $2, … */
function shell(script, ...words) {
  return ['sh', '-c', script, 'sh', ...words];
}

/** Why a directory cannot stand for another file system. @param {string} path @param {string} from */
function unsuitable(path, from) {
  try {
    accessSync(path, constants.W_OK);
    return statSync(path).dev === statSync(from).dev ? `${path} is the same file system` : undefined;
  } catch {
    return `no ${path} to write to`;
  }
}

/** Waits 20 ms. */
function pause() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
}
