/**
 * `npm run test:nodes`: the tests and a quick benchmark with each Node that holdfast is for. The Nodes come from the
 * npm registry (the binaries behind its package `node`) into a temporary directory, removed afterwards. A version that
 * cannot be had is skipped, and said; exits with 1 if a test failed, with 2 if no Node could be had.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { removeSync } from 'fs-extra/esm';

const MAJORS = [20, 22, 24, 26];
const INSTALL_TIMEOUT_MS = 300_000;

const top = join(import.meta.dirname, '..');
const dir = mkdtempSync(join(tmpdir(), 'holdfast-nodes-'));
process.on('exit', () => removeSync(dir));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(2));

/** @type {Record<string, string>} */
const outcomes = {};
for (const major of MAJORS) outcomes[`Node ${major}`] = withNode(major);

console.log(
  `\n${Object.entries(outcomes)
    .map(([name, outcome]) => `${name}: ${outcome}\n`)
    .join('')}`,
);
const said = Object.values(outcomes);
process.exitCode = said.some(outcome => outcome.startsWith('FAILED'))
  ? 1
  : said.every(outcome => outcome.startsWith('skipped'))
    ? 2
    : 0;

/** @param {number} major @returns {string} how it went */
function withNode(major) {
  const got = install(major);
  if ('reason' in got) return `skipped: ${got.reason}`;
  console.log(`\n=== Node ${got.version}\n`);
  const tests = run(got.node, [join(top, 'node_modules/vitest/vitest.mjs'), 'run']);
  const bench = run(got.node, [join(top, 'bench/bench.js'), '--quick']);
  const failed = [tests ? '' : 'tests', bench ? '' : 'benchmark'].filter(Boolean);
  return failed.length === 0
    ? `passed with ${got.version}`
    : `FAILED with ${got.version}: ${failed.join(', ')}`;
}

/** @param {number} major @returns {{ node: string, version: string } | { reason: string }} */
function install(major) {
  const home = join(dir, `${major}`);
  const name = `node-linux-${process.arch}`;
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{}\n');
  const npm = spawnSync('npm', ['install', '--silent', '--no-audit', '--no-fund', `${name}@${major}`], {
    cwd: home,
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
  });
  if (npm.status !== 0) {
    const why = npm.error?.message ?? npm.stderr.trim().split('\n').at(-1);
    return { reason: `npm install ${name}@${major} failed${why ? `: ${why}` : ''}` };
  }
  const node = join(home, 'node_modules', name, 'bin/node');
  const { status, stdout, stderr, error } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (status !== 0) return { reason: `it does not start here: ${error?.message ?? stderr.trim()}` };
  return { node, version: stdout.trim().slice(1) };
}

/** Runs a script with that Node, which is also the first in PATH and holdfast's own. @param {string} node @param {string[]} words */
function run(node, words) {
  const env = {
    ...process.env,
    HOLDFAST_NODE: node,
    PATH: [dirname(node), process.env.PATH].join(delimiter),
  };
  return spawnSync(node, words, { cwd: top, env, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}
