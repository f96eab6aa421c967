/** `run --use=SNAPSHOT`: a snapshot of the store as it is, whatever is installed. */
import { mkdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST, holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { makeCInstallation, makePair, noCompiler, startNode, tempDir, upgrade } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

/** A snapshot of v25.12, and the installation that it was taken from. */
function makeWorld() {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const lightningDir = join(dir, 'lightning');
  const taken = snapshotJson(['--method=copy', installed.lightningd, `--lightning-dir=${lightningDir}`]);
  const use = (snapshot: string, ...options: string[]) =>
    holdfast([
      'run',
      `--use=${snapshot}`,
      ...options,
      installed.lightningd,
      `--lightning-dir=${lightningDir}`,
    ]);
  return { dir, installed, next, lightningDir, taken, use };
}

test.for(['its name', 'its path', 'current'] as const)(
  'by %s, with another version installed, and with none',
  async how => {
    const { dir, installed, next, lightningDir, taken } = makeWorld();
    const named = { 'its name': taken.id, 'its path': taken.path, current: 'current' }[how];
    upgrade('rename', next.prefix, installed.prefix);
    const start = () =>
      startNode(next, lightningDir, { command: [HOLDFAST, 'run', `--use=${named}`, installed.lightningd] });
    const node = await start();
    expect(node.info()).toMatchObject({ version: 'v25.12', lightningd: taken.lightningd });
    node.cli('stop');
    await node.ended;
    renameSync(installed.prefix, join(dir, 'away'));
    const cli = makeCInstallation(join(dir, 'cli'), 'v25.12');
    const again = await startNode(cli, lightningDir, {
      command: [HOLDFAST, 'run', `--use=${named}`, installed.lightningd],
    });
    expect(again.info().version).toBe('v25.12');
    expect(readlinkSync(join(lightningDir, 'subdaemons/current'))).toBe(taken.id);
  },
);

test('it turns `current` back to what it runs', async () => {
  const { installed, next, lightningDir, taken } = makeWorld();
  const old = await startNode(next, lightningDir, {
    command: [HOLDFAST, 'run', '--method=copy', installed.lightningd],
  });
  upgrade('rename', next.prefix, installed.prefix);
  snapshotJson(['--method=copy', installed.lightningd, `--lightning-dir=${lightningDir}`]);
  const current = () => readlinkSync(join(lightningDir, 'subdaemons/current'));
  expect(current()).not.toBe(taken.id);
  old.cli('stop');
  await old.ended;
  const node = await startNode(next, lightningDir, {
    command: [HOLDFAST, 'run', `--use=${taken.id}`, installed.lightningd],
  });
  expect(node.info().version).toBe('v25.12');
  expect(current()).toBe(taken.id);
});

test('a file of it was written to: refused, and the file is named', () => {
  const { taken, use } = makeWorld();
  writeFileSync(join(taken.path, 'libexec/c-lightning/lightning_hsmd'), 'something else');
  expect(use(taken.id)).toMatchObject({
    status: 125,
    stderr: expect.stringMatching(
      /lightning_hsmd' is not what was placed there\nholdfast: hint: holdfast verify /,
    ),
  });
});

test('what is no snapshot is refused', () => {
  const { dir, taken, use } = makeWorld();
  expect(use('0123456789abcdef')).toMatchObject({
    status: 125,
    stderr: expect.stringContaining("there is no snapshot '0123456789abcdef'"),
  });
  mkdirSync(join(dir, 'empty'));
  expect(use(join(dir, 'empty'))).toMatchObject({
    status: 125,
    stderr: expect.stringMatching(
      /empty' lies in no store to use: .* which holdfast did not make\nholdfast: hint: --use names a snapshot/,
    ),
  });
  rmSync(join(taken.path, '.record.json'));
  expect(use(taken.id)).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('is no snapshot that can be used again'),
  });
});

test('another root than the expected one is refused', () => {
  const { taken, use } = makeWorld();
  expect(use(taken.id, `--expect-root=${'0'.repeat(64)}`)).toMatchObject({
    status: 125,
    stderr: expect.stringContaining(`is ${taken.root}, not the expected 000`),
  });
});

test.for(['--from=x.tar', '--method=copy', '--on-upgrade=notify'])(
  '--use and %s exclude each other',
  other => {
    expect(holdfast(['run', '--use=x', other])).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('exclude each other'),
    });
  },
);
