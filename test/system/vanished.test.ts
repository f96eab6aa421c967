/**
 * What an upgrade takes away while a launch looks: each of its looks at the installation and the libraries fails once, as if
 * the file were gone just then. The launch says that an upgrade seems to be under way, waits, and takes what is there.
 *
 * The normal test run takes a sample; HOLDFAST_FAULTS=all tries them all and prints the figures.
 */
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { isBelow } from '../../src/linux/files/path.ts';
import { damageOf, sample } from '../helpers/faults.ts';
import { HOLDFAST, snapshotJson } from '../helpers/holdfast.ts';
import { upgradeSettled } from '../helpers/parent.ts';
import { makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';
import { callsOn, inject, noStrace } from '../helpers/strace.ts';

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

/** A call of a launch on one path of the installation or the libraries: the nth of its name on that. */
interface Look {
  readonly name: string;
  readonly nth: number;
  /** below the directory of the test */
  readonly path: string;
  /** an open file is asked, as by fstat(2) */
  readonly byDescriptor: boolean;
}

function looksOf(method: string): Look[] {
  const { dir, libraryDir, installed, command } = makeWorld(method);
  const counts = new Map<string, number>();
  return callsOn([installed.prefix, libraryDir], command).flatMap(({ name, line }) => {
    const [, quoted, open] = /^\d+ +\w+\((?:[^"<]*<[^>]*>, )?(?:"([^"]+)"|.*?<([^>]+)>)/.exec(line) ?? [];
    const path = quoted ?? open ?? '';
    if (![installed.prefix, libraryDir].some(top => isBelow(path, top))) return []; // a record names what it is of
    const key = `${name} ${path}`;
    const nth = (counts.get(key) ?? 0) + 1;
    counts.set(key, nth);
    return [{ name, nth, path: path.slice(dir.length), byDescriptor: quoted === undefined }];
  });
}

test.each(['auto', 'copy'])('by %s: each is waited for, as the upgrade that it looks like', method => {
  const cases = looksOf(method).flatMap(look => {
    const errnos = GONE[look.name] ?? [];
    const named = look.byDescriptor ? errnos.filter(errno => errno === 'ESTALE') : errnos;
    return named.map(errno => ({ ...look, errno }));
  });
  expect(cases.length).toBeGreaterThan(100);
  const tried = sample(cases, 15);
  let hit = 0;
  const problems = tried.flatMap(({ errno, ...look }) => {
    const { dir, command } = makeWorld(method);
    const ended = inject(look, `error=${errno}`, dir, command, dir + look.path);
    const { status, stdout, stderr } = ended;
    if (ended.isHit) hit += 1;
    const isWell =
      status === 0 &&
      damageOf(stdout.trim()) === '' &&
      stderr.split('\n').every(line => line === '' || line.includes('an upgrade seems to be under way'));
    return isWell ? [] : [`${look.name} #${look.nth} ${errno} on ${look.path}: ${status} ${stderr}`];
  });
  console.log(`vanished, by ${method}: ${tried.length} of ${cases.length} call × errno tried, ${hit} hit`);
  expect(hit).toBeGreaterThan(tried.length * 0.9);
  expect(problems).toEqual([]);
});
