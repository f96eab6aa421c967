import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputFileSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import { askVersions, disagreements } from '../../../src/lightning/installation/versions.ts';
import { listProcesses } from '../../../src/linux/proc/processes.ts';
import { listFiles, makeCInstallation, noCompiler, tempDir } from '../../helpers/stand-in.ts';

const LIMITS = { ms: 400, bytes: 64 * 1024 };

/** A tree of scripts, by path. */
function makeTree(scripts: Record<string, string>): string {
  const dir = tempDir();
  for (const [path, text] of Object.entries({ 'bin/lightningd': 'echo v25.12', ...scripts })) {
    outputFileSync(join(dir, path), `#!/bin/sh\n${text}\n`);
    chmodSync(join(dir, path), 0o755);
  }
  return dir;
}

async function ask(dir: string) {
  return askVersions(dir, 'bin/lightningd', listFiles(dir), LIMITS);
}

/** Processes that mention the directory in their command line. */
function left(dir: string): number {
  return listProcesses().processes.filter(({ argv }) => argv.some(word => word.includes(dir))).length;
}

const SUBDAEMON = 'libexec/c-lightning/lightning_openingd';

test.each([
  ['prints nothing', ':', 'it said nothing'],
  ['never ends', 'exec sleep 1000', 'it timed out'],
  ['prints its version and never ends', 'echo v25.12; exec sleep 1000', 'it timed out'],
  ['prints without end', 'exec cat /dev/zero', 'it said too much'],
  ['crashes', 'kill -SEGV $$', 'it said nothing'],
  ['reads stdin', 'cat', 'it said nothing'],
  ['says nonsense', 'printf "usage: \\001\\n"', 'it said something else'],
])(
  'a subdaemon that %s gets a verdict within its limit, and nothing of it is left',
  async (_what, script, reason) => {
    const dir = makeTree({ [SUBDAEMON]: script });
    const { rows } = await ask(dir);
    expect(rows.find(({ path }) => path === SUBDAEMON)).toMatchObject({ agrees: 'unknown', reason });
    expect(left(dir)).toBe(0);
  },
);

test('a child that keeps the pipe open is killed, and does not hold the verdict up', async () => {
  const dir = makeTree({ [SUBDAEMON]: `sleep 1000 & echo v25.12; echo $! >${tempDir()}/pid` });
  const { rows } = await ask(dir);
  expect(rows.find(({ path }) => path === SUBDAEMON)).toMatchObject({ says: 'v25.12', agrees: 'yes' });
  expect(left('sleep 1000')).toBe(0);
});

test('a subdaemon of another version disagrees; lightning-cli and dualopend are asked as well', async () => {
  const dir = makeTree({
    [SUBDAEMON]: 'echo v25.12',
    'libexec/c-lightning/lightning_dualopend': 'echo v26.03',
    'bin/lightning-cli': 'echo v26.03',
    'bin/reckless': 'echo v1.0',
    'libexec/c-lightning/plugins/slow': 'sleep 1000',
  });
  const report = await ask(dir);
  expect(report.reference).toBe('v25.12');
  expect(
    disagreements(report)
      .map(({ path }) => path)
      .sort(),
  ).toEqual(['bin/lightning-cli', 'libexec/c-lightning/lightning_dualopend']);
});

test('a lightningd that does not say its version disagrees with everything', async () => {
  const dir = makeTree({ 'bin/lightningd': 'exit 1' });
  expect(await ask(dir)).toMatchObject({
    reference: undefined,
    rows: [{ agrees: 'no', reason: 'it said nothing' }],
  });
});

test('a program that cannot be executed says why', async () => {
  const dir = makeTree({ [SUBDAEMON]: '' });
  writeFileSync(join(dir, SUBDAEMON), '#!/no/such/interpreter\n');
  const { rows } = await ask(dir);
  expect(rows.find(({ path }) => path === SUBDAEMON)?.reason).toBe('it could not be executed: ENOENT');
});

test("a plugin's image is its witness: the reference agrees, another version alone does not, deprecation bounds are noise", async ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
  const dir = tempDir();
  const old = makeCInstallation(dir, 'v25.12');
  const { libexec } = makeCInstallation(join(dir, 'next'), 'v26.03');
  const files = listFiles(old.prefix);
  const before = await askVersions(old.prefix, 'bin/lightningd', files, LIMITS);
  expect(disagreements(before)).toEqual([]);
  expect(before.rows.find(({ path }) => path.endsWith('plugins/bcli'))).toMatchObject({
    by: 'image',
    agrees: 'yes',
  });
  writeFileSync(join(old.libexec, 'plugins/bcli'), readFileSync(join(libexec, 'plugins/bcli')));
  const after = await askVersions(old.prefix, 'bin/lightningd', files, LIMITS);
  expect(disagreements(after).map(({ path }) => path)).toEqual(['libexec/c-lightning/plugins/bcli']);
});
