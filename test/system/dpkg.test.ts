/** Upgrades by the real dpkg, in a scratch root, under a running node and under launches. */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readJsonSync } from 'fs-extra/esm';
import { beforeEach, expect, test } from 'vitest';
import { makeRoot, noDpkg } from '../helpers/dpkg.ts';
import { HOLDFAST, holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { listFiles, makePair, start, startNode, tempDir } from '../helpers/stand-in.ts';
import { noStrace } from '../helpers/strace.ts';

const all = process.env.HOLDFAST_FAULTS === 'all';

beforeEach(ctx => {
  const reason = noDpkg();
  if (reason !== undefined) ctx.skip(reason);
});

/** What every program of a tree that answers says of its version. */
function versionsIn(top: string): string[] {
  const asked = listFiles(top).filter(path =>
    /^(lightningd|lightning-cli|lightning_(?!websocketd).*)$/.test(basename(path)),
  );
  const said = asked.map(path =>
    spawnSync(join(top, path), ['--version'], { encoding: 'utf8' }).stdout.trim(),
  );
  return [...new Set(said)];
}

test('dpkg unpacks slowly: the node spawns the old version all the while, and a launch fails or is of one version', async ctx => {
  const reason = noStrace();
  if (reason !== undefined) ctx.skip(reason);
  const world = makeRoot();
  world.install(world.old);
  const installed = { ...makePair(join(world.dir, 'pair')).installed, lightningd: world.lightningd };
  const node = await startNode(installed, join(world.dir, 'lightning'), {
    command: [HOLDFAST, 'run', world.lightningd],
  });
  const slow = [
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    'trace=rename',
    '-e',
    'inject=rename:delay_enter=80000',
  ];
  const unpacking = start('strace', [...slow, 'dpkg', ...world.dpkg(world.young)]);
  let done = false;
  void unpacking.ended.then(() => {
    done = true;
  });
  let launches = 0;
  const outcomes = new Set<string>();
  while (!done) {
    expect(node.cli('open').stdout).toContain('v25.12');
    const called = holdfast([
      'snapshot',
      '--settle=0',
      world.lightningd,
      `--lightning-dir=${world.dir}/other`,
    ]);
    launches++;
    outcomes.add(
      called.status === 0 ? versionsIn(called.stdout.trim()).join(' and ') : `exit ${called.status}`,
    );
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  expect(await unpacking.ended, unpacking.output()).toBe(0);
  expect(launches).toBeGreaterThanOrEqual(10);
  // the gate's exit status is 1; lightningd itself may be missing for a moment
  for (const outcome of outcomes) expect(['exit 1', 'exit 2', 'v25.12', 'v26.03']).toContain(outcome);
  expect(node.cli('open').stdout).toContain('v25.12');
  const after = snapshotJson([world.lightningd, `--lightning-dir=${world.dir}/other`]);
  expect(after.version).toBe('v26.03');
  expect(versionsIn(after.path)).toEqual(['v26.03']);
});

test('a postinst that restarts the service, with the package manager holding its lock, gets the new version', () => {
  const world = makeRoot('#!/bin/sh\n[ -z "$RESTART" ] || exec sh -c "$RESTART"\n');
  world.install(world.old);
  const log = join(world.dir, 'log');
  process.env.RESTART = `${HOLDFAST} snapshot --json '${world.lightningd}' '--lightning-dir=${world.dir}/lightning' >'${log}'`;
  try {
    world.install(world.young);
  } finally {
    delete process.env.RESTART;
  }
  expect(readJsonSync(log)).toMatchObject({ version: 'v26.03' });
});

test.each(['rename', 'install', 'in-place', 'unlink-first', 'rpm'] as const)(
  'launches against an endless alternation of upgrades by %s: every one that starts is whole, and of one version',
  async way => {
    const dir = tempDir();
    const { installed, next } = makePair(dir);
    cpSync(installed.prefix, join(dir, 'keep'), { recursive: true });
    const program = join(dir, 'alternate.mjs');
    const tool = join(import.meta.dirname, '../../fixtures/stand-in/upgrade.js');
    // a pause after each round, longer than the gate's two seconds: else no launch could ever start
    writeFileSync(
      program,
      `import { upgrade } from ${JSON.stringify(tool)};
       for (let n = 0; ; n++) {
         upgrade(${JSON.stringify(way)}, n % 2 ? ${JSON.stringify(join(dir, 'keep'))} : ${JSON.stringify(next.prefix)}, ${JSON.stringify(installed.prefix)});
         await new Promise(resolve => setTimeout(resolve, n % 3 ? 300 : 2600));
       }`,
    );
    const alternating = start(process.execPath, [program]);
    const launches = all ? 100 : 8;
    let started = 0;
    for (let n = 0; n < launches; n++) {
      await new Promise(resolve => setTimeout(resolve, (n * 137) % 400)); // at ever other moments of the upgrade
      const method = way === 'in-place' ? '--method=copy' : '--method=auto';
      const words = [method, '--settle=4', installed.lightningd, `--lightning-dir=${dir}/lightning`];
      const called = holdfast(['snapshot', ...words]);
      if (called.status !== 0) continue;
      started++;
      expect(versionsIn(called.stdout.trim())).toHaveLength(1);
      const taken = listFiles(called.stdout.trim()).filter(path => /^(bin|libexec)\//.test(path));
      expect(taken).toEqual(listFiles(join(dir, 'keep'))); // whole, and nothing besides
    }
    process.kill(alternating.pid, 'SIGKILL');
    await alternating.ended;
    expect(started).toBeGreaterThan(0);
    expect(
      readdirSync(join(dir, 'lightning/subdaemons')).filter(name => name.startsWith('.staging')),
    ).toEqual([]);
    console.log(`upgrades by ${way}: ${launches} launches, ${started} started, 0 mixed, 0 partial`);
  },
);
