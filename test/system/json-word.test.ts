/** Whose word is --json? Ours before LIGHTNINGD and `--`, and nobody's beside --help. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { holdfast } from '../helpers/holdfast.ts';
import { makeInstallation, tempDir } from '../helpers/stand-in.ts';

test("behind LIGHTNINGD it is lightningd's: the snapshot's path is printed as without it", () => {
  const dir = tempDir();
  const { lightningd } = makeInstallation(dir, 'v25.12');
  const words = [lightningd, `--lightning-dir=${join(dir, 'lightning')}`, '--json'];
  const { status, stdout } = holdfast(['snapshot', ...words]);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^\/.*\/subdaemons\/[0-9a-f]{16}\n$/)]);
});

test.each([
  [['snapshot', '/none/lightningd', '--json', '--settle=0']],
  [['snapshot', '--settle=abc', 'lightningd', '--json']],
  [['snapshot', '--', '--json']],
  [['root', '--', '--json']],
])('%j puts nothing on stdout where it fails', words => {
  expect(
    holdfast(words, { env: { ...process.env, PATH: '/nowhere', HOLDFAST_NODE: process.execPath } }),
  ).toMatchObject({
    stdout: '',
  });
});

test.each([[['status', '--json', '--help']], [['--help', '--json']], [['help', 'status', '--json']]])(
  '%j prints the help',
  words => {
    expect(holdfast(words)).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage:') });
  },
);

test.each([
  [['status', '--json', '--bogus']],
  [['status', '--bogus', '--json']],
  [['--json']],
  [['snapshot', '--bogus', '--json', 'lightningd']],
])('%j is an error in JSON', words => {
  expect(JSON.parse(holdfast(words).stdout)).toMatchObject({ error: { code: 'USAGE' } });
});
