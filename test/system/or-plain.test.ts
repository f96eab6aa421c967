/** `run --or-plain`: a node that runs unheld is better than none, but not where a check has said no. */
import { chmodSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { HOLDFAST, holdfast } from '../helpers/holdfast.ts';
import { inMountNamespace } from '../helpers/in-namespace.ts';
import { noMounts } from '../helpers/mounts.ts';
import { makeCInstallation, makePair, noCompiler, startNode, tempDir, upgrade } from '../helpers/stand-in.ts';
import { noStrace } from '../helpers/strace.ts';

beforeEach(ctx => {
  if (noCompiler() !== undefined) ctx.skip(noCompiler());
});

function makePlace() {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12', { plugins: 1 });
  const lightningDir = join(dir, 'lightning');
  mkdirSync(lightningDir, { mode: 0o755 });
  return { dir, installed, lightningDir, store: join(lightningDir, 'subdaemons') };
}

test('a store that is refused: the installed lightningd runs, with a warning that says why, and nothing was touched', async () => {
  const { installed, lightningDir, store } = makePlace();
  mkdirSync(store);
  writeFileSync(join(store, 'mine'), '');
  const words = ['run', installed.lightningd, `--lightning-dir=${lightningDir}`];
  expect(holdfast(words).status).toBe(125);
  const node = await startNode(installed, lightningDir, {
    command: [HOLDFAST, 'run', '--or-plain', installed.lightningd],
  });
  expect(node.output()).toContain(
    `holdfast: warning: '${store}' holds 'mine', which holdfast did not make: no snapshot, and '${installed.lightningd}' is started as it is (--or-plain)\n` +
      'holdfast: warning: an upgrade of the installation will reach this node while it runs\n',
  );
  expect(readlinkSync(`/proc/${node.pid}/exe`)).toBe(installed.lightningd);
  expect(readFileSync(`/proc/${node.pid}/cmdline`, 'utf8')).toBe(
    `${installed.lightningd}\0--lightning-dir=${lightningDir}\0`,
  );
  expect(readFileSync(join(store, 'mine'), 'utf8')).toBe('');
});

test('a full disk, and a snapshot that cannot be executed', ctx => {
  const reason = noMounts();
  if (reason !== undefined) ctx.skip(reason);
  const { dir, installed } = makePlace();
  const ended = inMountNamespace<{ status: number; said: string }>(
    dir,
    `
    m=$D/mnt; mkdir $m; mount -t tmpfs -o mode=755,size=64k none $m; mkdir $m/l
    n=$D/noexec; mkdir $n; mount -t tmpfs -o mode=755,noexec none $n; mkdir $n/l
    for words in "--lightning-dir=$m/l" "--lightning-dir=$n/l"; do
      r=0; $HOLDFAST run --or-plain --no-fallback ${installed.lightningd} $words --pid-file=/nowhere/pid >$D/said 2>&1 || r=$?
      STATUS=$r SAID=$(cat $D/said) ${process.execPath} -p 'JSON.stringify({status:+process.env.STATUS,said:process.env.SAID})'
    done`,
  );
  expect(ended).toEqual([
    { status: 1, said: expect.stringMatching(/ENOSPC.*as it is \(--or-plain\)\n[\s\S]*Could not open/) },
    {
      status: 1,
      said: expect.stringMatching(
        /no program can be executed.*as it is \(--or-plain\)\n[\s\S]*Could not open/,
      ),
    },
  ]);
});

test('no Landlock: unconfined and plain', ctx => {
  const reason = noStrace();
  if (reason !== undefined) ctx.skip(reason);
  const { installed, lightningDir } = makePlace();
  const inject = 'inject=landlock_create_ruleset:error=ENOSYS';
  const { status, stdout, stderr } = holdfast(
    [
      ...['-f', '-qq', '-o', '/dev/null', '-e', 'trace=landlock_create_ruleset', '-e', inject],
      ...[
        HOLDFAST,
        'run',
        '--confine',
        '--or-plain',
        installed.lightningd,
        `--lightning-dir=${lightningDir}`,
      ],
      '--pid-file=/nowhere/pid',
    ],
    { program: 'strace' },
  );
  expect({ status, said: stdout + stderr }).toEqual({
    status: 1,
    said: expect.stringMatching(/cannot confine lightningd: .*--or-plain/),
  });
});

describe('it is refused all the same', () => {
  test('by the gate', () => {
    const dir = tempDir();
    const { installed, next } = makePair(dir);
    upgrade('rename', next.prefix, installed.prefix, ['libexec/c-lightning/lightning_openingd']);
    const words = ['run', '--or-plain', '--settle=0', installed.lightningd, `--lightning-dir=${dir}/l`];
    const { status, stderr } = holdfast(words);
    expect({ status, stderr }).toEqual({ status: 125, stderr: expect.not.stringContaining('--or-plain') });
  });

  test.each(['root', 'store'])('with --expect-root, whatever fails (%s)', what => {
    const { installed, lightningDir, store } = makePlace();
    if (what === 'store') {
      mkdirSync(store);
      chmodSync(store, 0o777);
    }
    const words = ['run', '--or-plain', `--expect-root=${'0'.repeat(64)}`, installed.lightningd];
    const { status, stderr } = holdfast([...words, `--lightning-dir=${lightningDir}`]);
    expect({ status, stderr }).toEqual({ status: 125, stderr: expect.not.stringContaining('--or-plain') });
  });

  test('of an archive', () => {
    const { dir, lightningDir } = makePlace();
    writeFileSync(join(dir, 'release.tar'), 'none');
    const words = ['run', '--or-plain', `--from=${dir}/release.tar`, '--', `--lightning-dir=${lightningDir}`];
    expect(holdfast(words)).toMatchObject({ status: 125, stderr: expect.not.stringContaining('--or-plain') });
  });

  test.each([['--use=current'], ['--on-upgrade=restart']])('as a usage error with %s', word => {
    expect(holdfast(['run', '--or-plain', word, 'lightningd'])).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('exclude each other'),
    });
  });
});
