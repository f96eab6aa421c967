/**
 * What a command loads before it does anything, a file of ours or koffi: each costs about a millisecond. A new import
 * between modules can move one into a file that every launch loads: rolldown.config.js has the entries of each.
 */
import { basename, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST, snapshotJson } from '../helpers/holdfast.ts';
import { makeCInstallation, noCompiler, startNode, tempDir } from '../helpers/stand-in.ts';
import { callsOn, noStrace } from '../helpers/strace.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? noStrace();
  if (reason !== undefined) ctx.skip(reason);
});

/** The names of the files that the command opens for code or text of ours, without their hashes, in order, each once. */
function loadedBy(...words: string[]): string[] {
  const opened = callsOn([join(HOLDFAST, '../../dist/'), 'koffi.node'], [HOLDFAST, ...words])
    .filter(({ name, line }) => name === 'openat' && !line.includes('ENOENT'))
    .map(({ line }) => basename(/"([^"]+)"/.exec(line)?.[1] ?? '').replace(/-[0-9a-f]{8}(?=\.cjs$)/, ''));
  return [...new Set(opened)];
}

function makeNode() {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12', { pythonPlugin: false });
  const lightningDir = join(dir, 'lightning');
  return {
    installed,
    lightningd: installed.lightningd,
    lightningDir,
    place: `--lightning-dir=${lightningDir}`,
  };
}

test('an answer takes one file, the help its text', () => {
  expect(loadedBy('--version')).toEqual(['cli.cjs']);
  expect(loadedBy('--help')).toEqual(['cli.cjs', 'help.json']);
});

test("a launch from a proven snapshot takes two, the bundler's helpers and koffi", () => {
  const { lightningd, place } = makeNode();
  snapshotJson([lightningd, place]);
  // the stand-in ends at once: it cannot write there
  const loaded = loadedBy('run', lightningd, place, '--pid-file=/nowhere/at/all');
  expect(loaded).toEqual(['cli.cjs', 'core.cjs', 'rolldown-runtime.cjs', 'koffi.node']);
});

test('a first snapshot takes one more', () => {
  const { lightningd, place } = makeNode();
  const files = ['cli.cjs', 'core.cjs', 'rolldown-runtime.cjs', 'build.cjs', 'koffi.node'];
  expect(loadedBy('snapshot', lightningd, place)).toEqual(files);
});

test('status of a node takes three, and no koffi', async () => {
  const { installed, lightningd, lightningDir, place } = makeNode();
  await startNode(installed, lightningDir, { command: [HOLDFAST, 'run', lightningd] });
  // files that are not root's may have been altered: they are looked at
  const closer = process.geteuid?.() === 0 ? [] : ['altered.cjs'];
  expect(loadedBy('status', place)).toEqual([
    'cli.cjs',
    'core.cjs',
    'rolldown-runtime.cjs',
    'nodes.cjs',
    ...closer,
  ]);
});
