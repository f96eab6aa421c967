/** Colour: on a terminal, for findings, and nowhere else. */
import { spawnSync } from 'node:child_process';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST, holdfast } from '../helpers/holdfast.ts';
import { works } from '../helpers/running.ts';
import { tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  if (!works('script', '--version')) ctx.skip('there is no script(1) to make a terminal');
});

const WORDS = ['doctor', `--lightning-dir=${import.meta.dirname}/none`];

/** What doctor prints where its standard output is a terminal: there always is a warning, PATH having no lightningd. */
function onTerminal(env: NodeJS.ProcessEnv): string {
  const bare = { PATH: '/usr/bin:/bin', HOLDFAST_NODE: process.execPath, TERM: 'xterm', HOME: tempDir() };
  const { stdout } = spawnSync('script', ['-qec', `${HOLDFAST} ${WORDS.join(' ')}`, '/dev/null'], {
    encoding: 'utf8',
    env: { ...bare, ...env },
  });
  return stdout;
}

test('warnings are yellow on a terminal', () => {
  expect(onTerminal({})).toContain('\x1b[33mwarning\x1b[0m  path');
});

test('not with NO_COLOR, on a dumb terminal, or in a file; an empty NO_COLOR says nothing', () => {
  expect(onTerminal({ NO_COLOR: '1' })).not.toContain('\x1b');
  expect(onTerminal({ TERM: 'dumb' })).not.toContain('\x1b');
  expect(holdfast(WORDS).stdout).not.toContain('\x1b');
  expect(onTerminal({ NO_COLOR: '' })).toContain('\x1b');
});
