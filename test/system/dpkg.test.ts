/** Upgrades by the real dpkg, in a scratch root, under a running node and under launches. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST, holdfast, snapshotJson } from '../helpers/holdfast.ts';
import {
  listFiles,
  makeCInstallation,
  makePair,
  noCompiler,
  start,
  startNode,
  tempDir,
} from '../helpers/stand-in.ts';
import { noStrace } from '../helpers/strace.ts';

const all = process.env.HOLDFAST_FAULTS === 'all';

beforeEach(ctx => {
  const reason = noCompiler() ?? noDpkg();
  if (reason !== undefined) ctx.skip(reason);
});

function noDpkg(): string | undefined {
  if (process.geteuid?.() !== 0) return 'dpkg needs root';
  return spawnSync('dpkg-deb', ['--version']).error === undefined ? undefined : 'dpkg is not installed';
}

/** A scratch root with a dpkg database of its own, and packages of both versions. */
function makeRoot(postinst?: string) {
  const dir = tempDir();
  const root = join(dir, 'root');
  mkdirSync(join(root, 'var/lib/dpkg/updates'), { recursive: true });
  mkdirSync(join(root, 'var/lib/dpkg/info'));
  for (const name of ['status', 'available']) writeFileSync(join(root, 'var/lib/dpkg', name), '');
  const deb = (version: string) => {
    const tree = join(dir, version);
    makeCInstallation(tree, version);
    mkdirSync(join(tree, 'DEBIAN'));
    const control = `Package: lightningd\nVersion: ${version.slice(1)}\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: stand-in\n`;
    writeFileSync(join(tree, 'DEBIAN/control'), control);
    if (postinst !== undefined) writeFileSync(join(tree, 'DEBIAN/postinst'), postinst, { mode: 0o755 });
    const file = join(dir, `${version}.deb`);
    const built = spawnSync('dpkg-deb', ['-Znone', '--root-owner-group', '-b', tree, file], {
      encoding: 'utf8',
    });
    if (built.status !== 0) throw new Error(built.stderr);
    return file;
  };
  const dpkg = (file: string) => [
    `--root=${root}`,
    '--force-script-chrootless',
    '--force-unsafe-io',
    '-i',
    file,
  ];
  const install = (file: string) => {
    const { status, stderr } = spawnSync('dpkg', dpkg(file), { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  return {
    dir,
    old: deb('v25.12'),
    young: deb('v26.03'),
    dpkg,
    install,
    lightningd: join(root, 'usr/bin/lightningd'),
  };
}

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
  expect(JSON.parse(readFileSync(log, 'utf8'))).toMatchObject({ version: 'v26.03' });
});

test.each(['rename', 'install', 'in-place'] as const)(
  'launches against an endless alternation of upgrades by %s: every one that starts is of one version',
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
    }
    process.kill(alternating.pid, 'SIGKILL');
    await alternating.ended;
    expect(started).toBeGreaterThan(0);
    expect(
      readdirSync(join(dir, 'lightning/subdaemons')).filter(name => name.startsWith('.staging')),
    ).toEqual([]);
    console.log(`upgrades by ${way}: ${launches} launches, ${started} started, 0 mixed`);
  },
);
