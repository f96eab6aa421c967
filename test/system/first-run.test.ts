/** What people get wrong the first time, and the one sentence that helps. */
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type CallOptions, holdfast, ORDINARY_USER } from '../helpers/holdfast.ts';
import { inMountNamespace } from '../helpers/in-namespace.ts';
import { lastingDir, noMounts } from '../helpers/mounts.ts';
import { makeCInstallation, makeInstallation, noCompiler, startNode, tempDir } from '../helpers/stand-in.ts';

const withoutLightningd = { env: { ...process.env, PATH: '/usr/bin:/bin' } };

test.each<[string, readonly string[], number, RegExp, CallOptions?]>([
  ['nothing typed', [], 2, /a command is missing\n.*holdfast --help/],
  [
    'the name of the tool taken for a wrapper',
    ['lightningd', '--daemon'],
    2,
    /did you mean: holdfast run lightningd/,
  ],
  ['a command half typed', ['stat'], 2, /did you mean: holdfast status/],
  [
    'lightningd not installed',
    ['run'],
    127,
    /no 'lightningd' in PATH.*\n.*name it with its path/,
    withoutLightningd,
  ],
  ['a path that is not there', ['run', '/opt/lightningd'], 127, /there is no '\/opt\/lightningd'/],
  ['some other program', ['run', '/bin/true'], 125, /belongs to no Core Lightning/],
  [
    'a file that is no program',
    ['run', '/etc/passwd'],
    126,
    /cannot execute '\/etc\/passwd': permission denied/,
  ],
  [
    "lightningd's option in front of it",
    ['run', '--lightning-dir=/x', 'lightningd'],
    125,
    /holdfast run lightningd --lightning-dir=\/x/,
  ],
  [
    'a value behind a space',
    ['run', '--method', 'copy', 'lightningd'],
    125,
    /--method needs a value: --method=/,
  ],
  [
    'no snapshot yet',
    ['verify', '--lightning-dir=/nowhere'],
    2,
    /no store at '\/nowhere\/.*\n(.*\n)*.*holdfast snapshot/,
  ],
])('%s', (_mistake, words, status, sentence, options) => {
  const called = holdfast(words, options);
  expect([called.status, called.stdout]).toEqual([status, '']);
  expect(called.stderr).toMatch(sentence);
});

test('no lightning-dir yet: run makes it as lightningd would; status says that there is none', () => {
  const dir = tempDir();
  const { lightningd } = makeInstallation(join(dir, 'usr'), 'v25.12');
  expect(holdfast(['status', `--lightning-dir=${dir}/lightning`]).stderr).toContain(
    `there is no lightning-dir '${dir}/lightning'`,
  );
  expect(holdfast(['snapshot', lightningd, `--lightning-dir=${dir}/lightning`]).status).toBe(0);
});

test('another user: who to become, or what is closed', ctx => {
  if (process.geteuid?.() !== 0) ctx.skip('needs root');
  const dir = tempDir();
  const { lightningd } = makeInstallation(join(dir, 'usr'), 'v25.12');
  mkdirSync(join(dir, 'lightning'));
  chownSync(join(dir, 'lightning'), ORDINARY_USER, ORDINARY_USER);
  chmodSync(join(dir, 'lightning'), 0o700);
  const words = ['snapshot', lightningd, `--lightning-dir=${dir}/lightning`];
  expect(holdfast(words).stderr).toContain(`setpriv --reuid=${ORDINARY_USER} `);
  expect(holdfast(words, { user: ORDINARY_USER + 1 }).stderr).toMatch(
    /'.*\/lightning\/.*': permission denied/,
  );
});

test('noexec: where the snapshot went instead, and who says more', ctx => {
  const reason = noMounts();
  if (reason !== undefined) ctx.skip(reason);
  const dir = lastingDir();
  const { lightningd } = makeInstallation(join(dir, 'usr'), 'v25.12');
  const [said] = inMountNamespace<string>(
    dir,
    `mkdir $D/noexec && mount -t tmpfs -o noexec none $D/noexec
     XDG_CACHE_HOME=$D/cache $HOLDFAST snapshot ${lightningd} --lightning-dir=$D/noexec/l 2>&1 >/dev/null | head -n 1 | tr -d '\\\\"' | sed 's/.*/"&"/'`,
  );
  expect(said).toMatch(
    /no program can be executed below .*: using .*cache.*; holdfast noexec-check says more/,
  );
});

test('a plain node that runs: it is not touched, and status says what an upgrade would do', async ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  await startNode(installed, join(dir, 'lightning'), { args: ['--network=regtest'] });
  const words = [`--lightning-dir=${dir}/lightning`, '--network=regtest'];
  expect(holdfast(['status', ...words]).stdout).toMatch(/not from a snapshot\n.*an upgrade would break it/);
  const again = holdfast(['run', installed.lightningd, ...words]);
  expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining('already running') });
});
