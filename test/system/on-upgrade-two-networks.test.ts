/** Two networks share a lightning-dir, and so a store: a launch of the one wipes nothing that the parent of the other is about to start. */
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { isSnapshotName } from '../../src/snapshot/store/layout.ts';
import { snapshotJson } from '../helpers/holdfast.ts';
import { makeWorld, upgradeSettled, versionOf } from '../helpers/parent.ts';
import { until } from '../helpers/running.ts';
import { childrenOf, makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';
import { noStrace } from '../helpers/strace.ts';
import { attach } from '../helpers/strace-attach.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

const snapshotsIn = (lightningDir: string) =>
  readdirSync(join(lightningDir, 'subdaemons')).filter(isSnapshotName);

/** A launch for another network of the same lightning-dir, of a version of its own: it wipes what is not live. @returns what is wiped */
function launchOther(dir: string, lightningDir: string): string[] {
  const { lightningd } = makeCInstallation(join(dir, 'other'), 'v26.06');
  const words = [lightningd, '--network=signet', `--lightning-dir=${lightningDir}`];
  return snapshotJson(words).wiped;
}

test('it is asked whether the moment is good: until then the snapshot that is to be started is kept', async () => {
  const signs = tempDir();
  const [asked, go] = [join(signs, 'asked'), join(signs, 'go')];
  const asks = `--restart-if=: >${asked}; while [ ! -e ${go} ]; do sleep 0.05; done`;
  const { dir, installed, next, node } = await makeWorld(['--on-upgrade=restart', asks]);
  const [before] = snapshotsIn(node.lightningDir);
  upgradeSettled(next.prefix, installed.prefix);
  await until('the question', () => existsSync(asked));
  const candidate = snapshotsIn(node.lightningDir).find(id => id !== before) ?? '';
  expect(launchOther(dir, node.lightningDir)).toEqual([]);
  writeFileSync(go, '');
  await until('the restart', () => versionOf(node) === 'v26.03');
  expect(node.info().lightningd).toContain(`/subdaemons/${candidate}/`);
  expect(node.output()).not.toMatch(/did not come up/);
});

test('it was wiped before the parent came to hold it: it is taken again', async () => {
  const { dir, installed, next, node } = await makeWorld();
  const [before, lightningd] = [snapshotsIn(node.lightningDir)[0], childrenOf(node.pid)];
  upgradeSettled(next.prefix, installed.prefix);
  const look = await until('the look', () => childrenOf(node.pid).find(pid => !lightningd.includes(pid)));
  process.kill(node.pid, 'SIGSTOP');
  try {
    await until('its end', () => /^State:\tZ/m.test(readFileSync(`/proc/${look}/status`, 'utf8')));
    const candidate = snapshotsIn(node.lightningDir).find(id => id !== before) ?? '';
    expect(launchOther(dir, node.lightningDir)).toEqual([candidate]);
    expect(existsSync(join(node.lightningDir, 'subdaemons', candidate))).toBe(false);
  } finally {
    process.kill(node.pid, 'SIGCONT');
  }
  await until('the restart', () => versionOf(node) === 'v26.03');
  expect(node.output()).not.toMatch(/did not come up|warning/);
});

test('it was wiped while the parent came to hold it: it is taken again', async ctx => {
  const reason = noStrace();
  if (reason !== undefined) ctx.skip(reason);
  const { dir, installed, next, node } = await makeWorld();
  const [before] = snapshotsIn(node.lightningDir);
  const strace = await attach(node.pid, [
    '-e',
    'trace=flock',
    '-e',
    'inject=flock:delay_enter=3000000:when=1',
  ]);
  upgradeSettled(next.prefix, installed.prefix);
  const opened = () =>
    openFilesOf(node.pid).find(path => /subdaemons\/[0-9a-f]+$/.test(path) && !path.endsWith(before ?? ''));
  const candidate = await until('the parent to be about to hold it', opened);
  expect(launchOther(dir, node.lightningDir)).toEqual([basename(candidate)]);
  await until('the lock', () => strace.lines().some(line => line.startsWith('flock(')));
  await strace.detach();
  await until('the restart', () => versionOf(node) === 'v26.03');
  expect(node.output()).not.toMatch(/did not come up|warning/);
});

function openFilesOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return []; // closed since
    }
  });
}
