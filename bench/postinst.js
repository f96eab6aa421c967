/** A snapshot in the postinst of a package that the real dpkg has unpacked a moment before: when a service is restarted. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync, removeSync } from 'fs-extra/esm';
import { LIMITS, within } from './goals.js';
import { realSizeInstallation } from './installations.js';
import { unlessAbsent } from './limits.js';
import { Unmeasurable } from './measure.js';

/** @typedef {import('./cases.js').Setting} Setting */
/** @typedef {import('./results.js').Result} Result */

const NAME = "first snapshot, in dpkg's postinst";
const ROUNDS = 3;

/** @param {Setting} setting @returns {Result[]} */
export function postinst({ top, holdfast }) {
  return unlessAbsent(NAME, () => {
    if (process.geteuid?.() !== 0) throw new Unmeasurable('dpkg needs root');
    const dir = join(top, 'postinst');
    const root = makeRoot(dir);
    const tookNs = join(dir, 'took');
    const file = makePackage(
      join(dir, 'package'),
      `#!/bin/sh
began=$(date +%s%N)
'${holdfast}' snapshot --quiet '${root}/usr/bin/lightningd' --lightning-dir='${dir}/lightning' >/dev/null || exit
echo $(($(date +%s%N) - began)) >'${tookNs}'
`,
    );
    const words = [`--root=${root}`, '--force-script-chrootless', '--force-unsafe-io', '-i', file];
    const seconds = Array.from({ length: ROUNDS }, () => {
      removeSync(join(dir, 'lightning'));
      must('dpkg', words);
      return Number(readFileSync(tookNs, 'utf8')) / 1e9;
    });
    const value = Math.max(...seconds);
    const goal = LIMITS.postinstSeconds;
    return {
      kind: 'limit',
      name: NAME,
      value,
      unit: 's',
      nodeAlone: undefined,
      goal,
      verdict: within(value, goal),
    };
  });
}

/** A root with a database of dpkg's own. @param {string} dir */
function makeRoot(dir) {
  const root = join(dir, 'root');
  for (const name of ['updates', 'info']) ensureDirSync(join(root, 'var/lib/dpkg', name));
  for (const name of ['status', 'available']) writeFileSync(join(root, 'var/lib/dpkg', name), '');
  return root;
}

/** @param {string} tree @param {string} script @returns {string} the package's file */
function makePackage(tree, script) {
  realSizeInstallation(tree);
  mkdirSync(join(tree, 'DEBIAN'));
  writeFileSync(join(tree, 'DEBIAN/postinst'), script, { mode: 0o755 });
  writeFileSync(
    join(tree, 'DEBIAN/control'),
    'Package: lightningd\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: stand-in\n',
  );
  must('dpkg-deb', ['-Znone', '--root-owner-group', '-b', tree, `${tree}.deb`]);
  return `${tree}.deb`;
}

/** @param {string} program @param {readonly string[]} words */
function must(program, words) {
  const { error, status, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  if (error !== undefined) throw new Unmeasurable(`no ${program}`);
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
}
