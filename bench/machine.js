/** What the figures depend on besides holdfast: kernel, processor, Node, file systems, load. Reads only. */
import { spawnSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/**
 * @typedef {object} Machine
 * @property {string} date UTC
 * @property {string} kernel
 * @property {string} processor
 * @property {number} processors that may be used
 * @property {number} memoryGb
 * @property {string} node of holdfast, as `v20.19.0`
 * @property {string} fileSystem of the installation and the lightning-dirs
 * @property {string} sha256 what the processor brings for it
 * @property {number} load of the last minute when the run began: above 0.5 the figures are not to be trusted
 */

/** statfs(2), `f_type`. @type {Record<number, string>} */
const FILE_SYSTEMS = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2035054128: 'overlayfs',
  801189825: 'zfs',
  4076150800: 'f2fs',
};

/**
 * @param {string} node
 * @param {string} directory
 * @returns {Machine}
 */
export function machineFacts(node, directory) {
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    kernel: `Linux ${release()}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim(),
    fileSystem: fileSystemOf(directory),
    sha256: sha256Instructions(),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** @param {string} directory */
export function fileSystemOf(directory) {
  const { type } = statfsSync(directory);
  return FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`;
}

function sha256Instructions() {
  const flags =
    / (?:flags|Features)\s*: (.*)/.exec(readFileSync('/proc/cpuinfo', 'latin1').replace(/\n/g, '\n '))?.[1] ??
    '';
  return /\b(?:sha_ni|sha2)\b/.exec(flags)?.[0] ?? 'none';
}

/** @param {Machine} machine @returns {string} lines */
export function formatMachine(machine) {
  const { date, kernel, processor, processors, memoryGb, node, fileSystem, sha256, load } = machine;
  return `${date} UTC · ${kernel} · ${processor}, ${processors} to use, SHA-256 instructions: ${sha256} · ${memoryGb} GiB · Node ${node.slice(1)} · ${fileSystem} · load ${load}\n`;
}
