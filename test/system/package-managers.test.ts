/** Upgrades by the real pacman, rpm and dpkg, stopped and killed on the way: no launch is mixed or partial. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, lstatSync, lutimesSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJsonSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import { makeRoot, noDpkg } from '../helpers/dpkg.ts';
import { HOLDFAST, holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { makePacmanRoot, noPacman } from '../helpers/pacman.ts';
import { makeRpmRoot, noRpm } from '../helpers/rpm.ts';
import { listFiles, noCompiler, tempDir } from '../helpers/stand-in.ts';
import { pointsOf, stopAt } from '../helpers/stopped.ts';
import { callsOn, noStrace } from '../helpers/strace.ts';

const POINTS = process.env.HOLDFAST_FAULTS === 'all' ? 60 : 20;
const FILES = 34;

/** An hour passes: mtimes move into the past, and keep their order. What was stopped has stood still since. */
function passAnHour(top: string): void {
  for (const name of readdirSync(top, { recursive: true, encoding: 'utf8' })) {
    const path = join(top, name);
    const { mtimeMs } = lstatSync(path);
    if (Date.now() - mtimeMs < 1_800_000) lutimesSync(path, mtimeMs / 1000 - 3600, mtimeMs / 1000 - 3600);
  }
}

/** The versions in a snapshot, and whether all is there: what a node would run. */
function judge(path: string): string {
  const files = listFiles(path).filter(name => /^(bin|libexec)\//.test(name));
  const asked = files.filter(name =>
    /^(lightningd|lightning-cli|lightning_(?!websocketd).*)$/.test(basename(name)),
  );
  const said = asked.map(name => versionOf(join(path, name)));
  const plugins = files.filter(name => name.includes('/plugins/'));
  const held = plugins.map(name => versionIn(join(path, name)));
  return [...new Set([...said, ...held, files.length === FILES ? 'whole' : `${files.length} files`])]
    .sort()
    .join(' ');
}

/** What programs have said, by their content and mode: the same one is asked once. */
const answers = new Map<string, string>();

function versionOf(path: string): string {
  const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
  const key = `${hash} ${lstatSync(path).mode}`;
  const said = answers.get(key) ?? spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.trim();
  answers.set(key, said);
  return said;
}

/** Plugins hold their own version with a mark of its own, see make-c.js. */
function versionIn(path: string): string {
  const found = readFileSync(path, 'latin1').match(/v25\.12|v26\.03/g) ?? [];
  return [...new Set(found)].join('+');
}

interface Root {
  readonly dir: string;
  readonly root: string;
  readonly lightningd: string;
  readonly prefix: string;
  readonly old: string;
  readonly young: string;
  readonly command: (file: string) => readonly string[];
  readonly install: (file: string) => void;
  /** what an operator does first after it was killed; it had begun by `stoppedAt`, ms since the epoch */
  readonly unlock?: (stoppedAt: number) => void | Promise<void>;
}

const MANAGERS: readonly [string, () => string | undefined, () => Root][] = [
  [
    'pacman',
    noPacman,
    () => {
      const made = makePacmanRoot();
      return { ...made, unlock: made.forgetUnfinished };
    },
  ],
  // what a killed rpm leaves is named after the second, and in the way of another one in the same second
  ['rpm', noRpm, () => ({ ...makeRpmRoot(), unlock: nextSecond })],
  ['dpkg', noDpkg, () => makeDpkg()],
];

/** And a little more: time(2) is behind by up to a tick of the kernel. */
async function nextSecond(after: number): Promise<void> {
  await sleep(Math.max(0, (Math.floor(after / 1000) + 1) * 1000 + 50 - Date.now()));
}

function makeDpkg(): Root {
  const made = makeRoot(undefined, { plugins: 20, pythonPlugin: false });
  const root = join(made.dir, 'root');
  return { ...made, root, prefix: join(root, 'usr'), command: file => ['dpkg', ...made.dpkg(file)] };
}

test.for(MANAGERS)(
  '%s, stopped and killed at points of an upgrade: 0 mixed, 0 partial, and up once it is complete',
  { timeout: 600_000 },
  async ([name, whyNot, make], ctx) => {
    const reason = noCompiler() ?? whyNot() ?? noStrace();
    if (reason !== undefined) ctx.skip(reason);
    const world = make();
    world.install(world.old);
    cpSync(world.root, join(world.dir, 'before'), { recursive: true, preserveTimestamps: true });
    const restore = () => {
      rmSync(world.root, { recursive: true });
      cpSync(join(world.dir, 'before'), world.root, { recursive: true, preserveTimestamps: true });
    };
    const calls = callsOn([`${world.prefix}/`], world.command(world.young)).filter(({ name: call }) =>
      /^(unlink|unlinkat|rename|renameat|openat|open|link|linkat|write)$/.test(call),
    );
    const launch = (store: string) =>
      holdfast(['snapshot', '--settle=0', world.lightningd, `--lightning-dir=${world.dir}/${store}`]);
    const outcomes = new Map<string, number>();
    const count = (what: string) => outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
    for (const [n, call] of pointsOf(calls, POINTS).entries()) {
      restore();
      passAnHour(world.root);
      expect(launch(`node-${n}`).status).toBe(0);
      const stopped = await stopAt(call, world.command(world.young));
      const stoppedAt = Date.now();
      for (const state of ['young', 'stopped', 'killed']) {
        if (state === 'stopped') passAnHour(world.root);
        if (state === 'killed') await stopped?.kill();
        const { status, stdout, stderr } = launch(`node-${n}`);
        if (status === 0)
          expect(['v25.12 whole', 'v26.03 whole'], `${call.line} ${state}: ${stderr}`).toContain(
            judge(stdout.trim()),
          );
        count(status === 0 ? `${state}: ${judge(stdout.trim())}` : `${state}: refused`);
        // 1: the gate; 2: no lightningd at all just now
        expect([0, 1, 2], stderr).toContain(status);
      }
      await world.unlock?.(stoppedAt);
      world.install(world.young);
      passAnHour(world.root);
      const { status, stdout, stderr } = launch(`node-${n}`);
      expect(status, `${call.line}: ${stderr}`).toBe(0);
      expect(judge(stdout.trim())).toBe('v26.03 whole');
    }
    console.log(
      `${name}: ${POINTS} points: ${[...outcomes].map(([what, times]) => `${times} ${what}`).join(', ')}`,
    );
  },
);

test.for([
  [
    'dpkg',
    noDpkg,
    (script: string) => {
      return makeRoot(`#!/bin/sh\nexec sh '${script}'\n`);
    },
  ],
  ['rpm', noRpm, (script: string) => makeRpmRoot(`sh '${script}'`)],
] as const)(
  '%s: a restart from its postinst does not wait: its own record says that all is unpacked',
  ([, whyNot, make], ctx) => {
    const reason = noCompiler() ?? whyNot();
    if (reason !== undefined) ctx.skip(reason);
    const script = join(tempDir(), 'restart');
    writeFileSync(script, ':\n');
    const { dir, old, young, install, lightningd } = make(script);
    install(old);
    const log = join(dir, 'log');
    writeFileSync(
      script,
      `'${HOLDFAST}' snapshot --json '${lightningd}' '--lightning-dir=${dir}/lightning' >'${log}' 2>&1 || :\n`,
    );
    install(young);
    const taken = readJsonSync(log);
    expect(taken).toMatchObject({ version: 'v26.03' });
    expect(taken.steps.map(({ step }: { step: string }) => step)).not.toContain('settle');
  },
);

test('pacman: a restart right after it does not wait: its own record says that all is unpacked', ctx => {
  const reason = noCompiler() ?? noPacman();
  if (reason !== undefined) ctx.skip(reason);
  const { dir, old, young, install, lightningd } = makePacmanRoot();
  install(old);
  install(young);
  const taken = snapshotJson([lightningd, `--lightning-dir=${dir}/lightning`]);
  expect(taken).toMatchObject({ version: 'v26.03' });
  expect(taken.steps.map(({ step }: { step: string }) => step)).not.toContain('settle');
});
