/**
 * What an upgrade takes away while a launch looks: each of its looks at the installation and the libraries fails once, as if
 * the file were gone just then. The launch says that an upgrade seems to be under way, waits, and takes what is there.
 *
 * The normal test run takes a sample; HOLDFAST_FAULTS=all tries them all and prints the figures.
 */
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { damageOf, sample } from '../helpers/faults.ts';
import { HOLDFAST, snapshotJson } from '../helpers/holdfast.ts';
import { upgradeSettled } from '../helpers/parent.ts';
import { makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';
import { callsOn, inject, noStrace, type TracedCall } from '../helpers/strace.ts';

/** What each call says of a file that has gone, the third on NFS. */
const GONE: Readonly<Record<string, readonly string[]>> = {
  openat: ['ENOENT', 'ENOTDIR', 'ESTALE'],
  link: ['ENOENT', 'ENOTDIR', 'ESTALE'],
  statx: ['ENOENT', 'ENOTDIR', 'ESTALE'],
  readlink: ['ENOENT', 'ENOTDIR', 'ESTALE'],
  access: ['ENOENT', 'ENOTDIR', 'ESTALE'],
  faccessat2: ['ENOENT', 'ENOTDIR', 'ESTALE'],
  getdents64: ['ENOENT', 'ESTALE'],
  read: ['ESTALE'],
  pread64: ['ESTALE'],
};

beforeEach(ctx => {
  const reason = noCompiler() ?? noStrace();
  if (reason !== undefined) ctx.skip(reason);
});

/** An installation that was upgraded since a snapshot was taken of it, and the launch that is to take the next. */
function makeWorld(method: string) {
  const dir = tempDir();
  const libraryDir = join(dir, 'lib');
  const installed = makeCInstallation(dir, 'v25.12', { plugins: 1, libraryDir });
  const next = makeCInstallation(join(dir, 'next'), 'v26.03', { plugins: 1, libraryDir });
  const words = [`--method=${method}`, installed.lightningd, `--lightning-dir=${join(dir, 'lightning')}`];
  snapshotJson(words);
  upgradeSettled(next.prefix, installed.prefix);
  return { dir, libraryDir, installed, command: [HOLDFAST, 'snapshot', '--settle=20', ...words] };
}

test.each(['auto', 'copy'])('by %s: each is waited for, as the upgrade that it looks like', method => {
  const first = makeWorld(method);
  const isOurs = ({ line }: TracedCall) => line.includes('/lightning/'); // a record names what it was taken from
  const calls = callsOn([first.installed.prefix, first.libraryDir], first.command).filter(
    call => call.name === 'link' || !isOurs(call),
  );
  const cases = calls.flatMap(call => {
    const errnos = call.line.includes('AT_EMPTY_PATH') ? ['ESTALE'] : (GONE[call.name] ?? []); // as fstat(2)
    return errnos.map(errno => ({ call, errno }));
  });
  expect(cases.length).toBeGreaterThan(100);
  const tried = sample(cases, 15);
  let missed = 0;
  const problems = tried.flatMap(({ call, errno }) => {
    const world = makeWorld(method);
    const ended = inject(call, `error=${errno}`, world.dir, world.command);
    if (ended.missed) {
      missed += 1;
      return [];
    }
    const { status, stdout, stderr } = ended;
    const isWell =
      status === 0 &&
      damageOf(stdout.trim()) === '' &&
      stderr.split('\n').every(line => line === '' || line.includes('an upgrade seems to be under way'));
    return isWell
      ? []
      : [`${call.name} #${call.nth} ${errno} (${call.line.slice(0, 160)}): ${status} ${stderr}`];
  });
  console.log(
    `vanished, by ${method}: ${tried.length} of ${cases.length} call × errno tried, ${missed} hit nothing of ours`,
  );
  expect(missed).toBeLessThan(tried.length / 4);
  expect(problems).toEqual([]);
});
