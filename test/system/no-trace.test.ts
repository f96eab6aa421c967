/**
 * The launch leaves no trace: a program that prints all it can know of itself is started plainly and under holdfast,
 * in many strange ways, and says the same but for what docs/launch.md lists.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST, ORDINARY_USER } from '../helpers/holdfast.ts';
import { makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';

const fixtures = join(import.meta.dirname, '../../fixtures');
const isRoot = process.geteuid?.() === 0;

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

/** A stand-in installation whose lightningd is the reporter, and the program that starts things strangely. */
function makeWorld() {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  chmodSync(dir, 0o777);
  const compile = (source: string, target: string) => {
    const { status, stderr } = spawnSync('cc', ['-O1', '-w', '-o', target, join(fixtures, source)], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
  };
  rmSync(installed.lightningd);
  compile('report.c', installed.lightningd);
  compile('start-strangely.c', join(dir, 'strangely'));
  spawnSync('touch', ['-d', '1 hour ago', join(installed.prefix, 'bin')]);
  return { dir, lightningd: installed.lightningd, strangely: join(dir, 'strangely') };
}

/** Starts the reporter and reads its report. */
function report(
  world: ReturnType<typeof makeWorld>,
  ways: string[],
  outer: string[],
  command: string[],
): string[] {
  const file = join(world.dir, 'report');
  rmSync(file, { force: true });
  const words = [
    `--lightning-dir=${world.dir}/lightning`,
    `--report=${file}`,
    '--rgb',
    '001122',
    '--alias=a  b',
  ];
  const [program = '', ...args] = [...outer, world.strangely, ...ways, '--', ...command, ...words];
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', cwd: world.dir, timeout: 60_000 });
  if (status === 77) return ['unsupported'];
  if (!existsSync(file)) throw new Error(`no report, status ${status}: ${stderr}`);
  expect(status, stderr).toBe(42);
  return readFileSync(file, 'utf8')
    .replace(/(socket|pipe):\[\d+\]/g, '$1')
    .split('\n');
}

/** What docs/launch.md allows: the live lock, one open directory. */
function isLiveLock(line: string): boolean {
  return /^fd [1-9]\d+ .*\/lightning\/subdaemons\/[0-9a-f]{16} flags /.test(line);
}

const PLAIN: [string, string[], string[]][] = [
  ['plainly', [], []],
  ['by setsid', [], ['setsid', '--wait']],
  ['by nohup', [], ['nohup']],
  ['with 0 closed', ['close=0'], []],
  ['with 1 closed', ['close=1'], []],
  ['with 2 closed', ['close=2'], []],
  ['with 0, 1 and 2 closed', ['close=0', 'close=1', 'close=2'], []],
  ['with non-blocking 1 and 2', ['nonblock=1', 'nonblock=2'], []],
  ['with an inherited descriptor 3, as for LISTEN_FDS', ['open=3'], []],
  ['with inherited descriptors 3, 9, 10 and 42', ['open=3', 'open=9', 'open=10', 'open=42'], []],
  ['with SIGPIPE ignored', ['ignore=13'], []],
  ['with SIGINT, SIGHUP and SIGTERM ignored', ['ignore=2', 'ignore=1', 'ignore=15'], []],
  ['with SIGXFSZ and a real-time signal ignored', ['ignore=25', 'ignore=40'], []],
  ['with SIGCHLD blocked', ['block=17'], []],
  ['with SIGTERM and SIGUSR1 blocked', ['block=15', 'block=10'], []],
  ['with a soft limit of descriptors below the hard one', ['soft-nofile=256'], []],
  ['at nice 10', [], ['nice', '-n', '10']],
  ['with umask 077', [], ['sh', '-c', 'umask 077; exec "$0" "$@"']],
  ['with names in the environment that are no identifiers, duplicates and odd bytes', ['raw-env'], []],
  ['with 100 kB in one variable', ['big-env'], []],
  ['with an empty environment', ['empty-env'], []],
  ['with no new privileges', ['no-new-privs'], []],
  ['where memory may not be writable and executable', ['mdwe'], []],
  ['with a death signal', ['death-signal=15'], []],
  [
    'as an ordinary user',
    [],
    ['setpriv', `--reuid=${ORDINARY_USER}`, `--regid=${ORDINARY_USER}`, '--clear-groups'],
  ],
];

test.each(PLAIN)(
  'started %s, the program sees nothing of holdfast but the live lock',
  (_way, ways, outer) => {
    if (outer[0] === 'setpriv' && !isRoot) return; // the other ways run as an ordinary user then
    const world = makeWorld();
    const plain = report(world, ways, outer, [world.lightningd]);
    const held = report(world, ways, outer, [HOLDFAST, 'run', world.lightningd]);
    expect(held.filter(isLiveLock)).toHaveLength(plain[0] === 'unsupported' ? 0 : 1);
    expect(held.filter(line => !isLiveLock(line))).toEqual(plain);
  },
);

test('the same with bash as /bin/sh', ctx => {
  if (!existsSync('/bin/bash')) ctx.skip('bash is not installed');
  const world = makeWorld();
  const plain = report(world, ['open=3', 'ignore=13', 'ignore=17', 'raw-env'], [], [world.lightningd]);
  const held = report(
    world,
    ['open=3', 'ignore=13', 'ignore=17', 'raw-env'],
    [],
    ['/bin/bash', HOLDFAST, 'run', world.lightningd],
  );
  expect(held.filter(line => !isLiveLock(line))).toEqual(plain);
});

test('through a chain of symbolic links, from a PATH that has only node and coreutils', () => {
  const world = makeWorld();
  const bin = join(world.dir, 'only');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  for (const tool of ['readlink', 'od']) copyFileSync(`/usr/bin/${tool}`, join(bin, tool));
  symlinkSync(HOLDFAST, join(world.dir, 'one'));
  symlinkSync('one', join(world.dir, 'holdfast'));
  const called = spawnSync(join(world.dir, 'holdfast'), ['run', world.lightningd, '--version'], {
    encoding: 'utf8',
    cwd: '/',
    env: { PATH: bin },
  });
  expect(called).toMatchObject({ status: 0, stdout: 'v25.12\n', stderr: '' });
});

test('without node: 127 and one clear line', () => {
  const called = spawnSync('/bin/sh', [HOLDFAST, 'run', 'lightningd'], {
    encoding: 'utf8',
    env: { PATH: '/nowhere' },
  });
  expect(called.status).toBe(127);
  expect(called.stderr).toMatch(/^holdfast: Node\.js is not in PATH.*\n$/);
});
