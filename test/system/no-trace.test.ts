/**
 * The launch leaves no trace: a program that prints all it can know of itself is started plainly and under holdfast,
 * in many strange ways, and says the same but for what docs/launch.md lists.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { HOLDFAST, ORDINARY_USER } from '../helpers/holdfast.ts';
import { script } from '../helpers/running.ts';
import { makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';

const fixtures = join(import.meta.dirname, '../../fixtures');
const isRoot = process.geteuid?.() === 0;

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

const programs = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
afterAll(() => rmSync(programs, { recursive: true }));

/** What a file of fixtures/ is compiled to, once. */
function programOf(source: string): string {
  const program = join(programs, source.replace(/\.c$/, ''));
  if (existsSync(program)) return program;
  const words = ['-O1', '-w', '-o', program, join(fixtures, source)];
  const { status, stderr } = spawnSync('cc', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return program;
}

/** How fixtures/start-strangely.c ends where the kernel does not know what was asked for. */
const UNSUPPORTED = 77;

type Context = ReturnType<typeof makeWorld>;

/** A stand-in installation whose lightningd is the reporter, and the program that starts things strangely. */
function makeWorld() {
  const dir = tempDir();
  // its other programs need a library, which is held
  const installed = makeCInstallation(dir, 'v25.12', { libraryDir: join(dir, 'lib') });
  chmodSync(dir, 0o777);
  rmSync(installed.lightningd);
  copyFileSync(programOf('report.c'), installed.lightningd);
  copyFileSync(programOf('start-strangely.c'), join(dir, 'strangely'));
  spawnSync('touch', ['-d', '1 hour ago', join(installed.prefix, 'bin')]);
  return { dir, lightningd: installed.lightningd, strangely: join(dir, 'strangely') };
}

/** Starts the reporter and reads its report. */
function report(
  world: Context,
  ways: readonly string[],
  outer: readonly string[],
  command: readonly string[],
) {
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
  const { status, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    cwd: world.dir,
    env: { ...process.env, PATH: `${join(world.lightningd, '..')}:${process.env.PATH}` },
    timeout: 60_000,
  });
  if (status === UNSUPPORTED) return undefined;
  if (!existsSync(file)) throw new Error(`no report, status ${status}: ${stderr}`);
  expect(status, stderr).toBe(42);
  return readFileSync(file, 'utf8')
    .replace(/(socket|pipe):\[\d+\]/g, '$1')
    .replace(/\/dev\/pts\/\d+/g, 'a terminal')
    .replace(/(SigQ:\s+)\d+/, '$1') // how many all processes of this user have queued
    .split('\n');
}

/** What docs/launch.md allows: the live lock, one open directory from 10 on. */
function isLiveLock(line: string): boolean {
  return /^fd [1-9]\d+ .*\/lightning\/subdaemons\/[0-9a-f]{16} flags /.test(line);
}

/** And the variable that leads to held libraries, where the caller has none of its name. */
function isLibraryPath(line: string): boolean {
  return line === 'environment LD_LIBRARY_PATH=$ORIGIN/.libraries';
}

/** The shells that /bin/sh may be, by their paths. */
const SHELLS = [['dash'], ['bash'], ['bash', '--posix'], ['busybox', 'sh']].flatMap(
  ([name = '', ...words]) => {
    const path = spawnSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
    if (path === '') console.error(`no-trace: not tried with ${name}, which is not installed`);
    return path === '' ? [] : [{ name, command: [path, ...words] }];
  },
);

const user = ['setpriv', `--reuid=${ORDINARY_USER}`, `--regid=${ORDINARY_USER}`, '--clear-groups'];

/** A name, the words for fixtures/start-strangely.c, and what is put before that. */
type Way = readonly [name: string, ways: readonly string[], outer: readonly string[]];

const WAYS: readonly Way[] = [
  ['plainly', [], []],
  ['by setsid', [], ['setsid', '--wait']],
  ['by nohup', [], ['nohup']],
  ['on a raw terminal of its own', ['terminal'], []],
  ['with 0 closed', ['close=0'], []],
  ['with 1 closed', ['close=1'], []],
  ['with 2 closed', ['close=2'], []],
  ['with 0, 1 and 2 closed', ['close=0', 'close=1', 'close=2'], []],
  ['with a non-blocking 0', ['nonblock=0'], []],
  ['with non-blocking 1 and 2', ['nonblock=1', 'nonblock=2'], []],
  ['with a file as 0, read half', ['open=0'], []],
  [
    'with sockets of LISTEN_FDS',
    ['socket=3', 'nonblocking-socket=4'],
    ['env', 'LISTEN_FDS=2', 'LISTEN_PID=1'],
  ],
  ['with a socket as 0, 1 and 2', ['socket=0', 'socket=1', 'socket=2'], []],
  [
    'with inherited descriptors where shells put theirs',
    ['open=3', 'open=9', 'open=10', 'open=11', 'open=63', 'open=255'],
    [],
  ],
  ['by a parent in Node, with a channel to it', ['channel=3'], []],
  ['with a record lock', ['lock=5'], []],
  ['with SIGPIPE ignored', ['ignore=13'], []],
  ['with SIGINT, SIGHUP, SIGQUIT and SIGTERM ignored', ['ignore=2', 'ignore=1', 'ignore=3', 'ignore=15'], []],
  ['with SIGXFSZ and real-time signals ignored', ['ignore=25', 'ignore=34', 'ignore=64'], []],
  ['with SIGTERM, SIGUSR1 and a real-time signal blocked', ['block=15', 'block=10', 'block=40'], []],
  ['with a soft limit of descriptors below the hard one', ['soft-nofile=256'], []],
  [
    'with low limits',
    ['soft-nofile=30'],
    ['prlimit', '--core=0', '--stack=262144', '--memlock=0', '--fsize=8000000'],
  ],
  ['at nice 10', [], ['nice', '-n', '10']],
  [
    'with idle I/O, batch scheduling, on one processor',
    [],
    ['ionice', '-c3', 'chrt', '-b', '0', 'taskset', '1'],
  ],
  ['as a preferred victim of the OOM killer', [], ['choom', '-n', '500', '--']],
  ['without address randomization', [], ['setarch', '-R']],
  ['with umask 077', [], ['sh', '-c', 'umask 077; exec "$0" "$@"']],
  ['with names in the environment that are no identifiers, duplicates and odd bytes', ['raw-env'], []],
  ['with 100 kB in one variable', ['big-env'], []],
  ['with an empty environment', ['empty-env'], []],
  ['without HOME', [], ['env', '-u', 'HOME']],
  [
    'with variables that act on Node',
    [],
    [
      'env',
      'NODE_OPTIONS=--no-such',
      'NODE_CHANNEL_FD=99',
      'HOLDFAST_NOTE_1=mine',
      'HOLDFAST_NOTE_99=mine',
      'OPENSSL_CONF=/',
      'UV_THREADPOOL_SIZE=0',
      'LC_ALL=tr_TR',
    ],
  ],
  ['with an alarm that is set', ['alarm=1000'], []],
  ['with no new privileges', ['no-new-privs'], []],
  ['where memory may not be writable and executable', ['mdwe'], []],
  ['with a death signal', ['death-signal=15'], []],
  ['as an ordinary user', [], user],
  ['as the official unit does', ['mdwe', 'no-new-privs', 'close=0', 'open=0'], [...user, '--no-new-privs']],
];

/** Compares a start with the plain one. */
function expectNoTrace(
  world: Context,
  way: Way,
  command: readonly string[],
  plainly = [world.lightningd],
): void {
  const [, ways, outer] = way;
  const plain = report(world, ways, outer, plainly);
  if (plain === undefined) return; // the kernel cannot: there is no plain start either
  const held = report(world, ways, outer, command) ?? [];
  expect(held.filter(isLiveLock)).toHaveLength(1);
  expect(held.filter(isLibraryPath)).toHaveLength(1);
  expect(held.filter(line => !isLiveLock(line) && !isLibraryPath(line))).toEqual(plain);
}

test.each(WAYS)(
  'started %s, the program sees nothing of holdfast but the live lock and LD_LIBRARY_PATH',
  (...way) => {
    if (way[2][0] === 'setpriv' && !isRoot) return; // the other ways run as an ordinary user then
    const world = makeWorld();
    for (const { command } of SHELLS)
      expectNoTrace(world, way, [...command, HOLDFAST, 'run', world.lightningd]);
  },
);

test.each<[string, string, typeof SHELLS]>([
  ['ignored', 'ignore=17', SHELLS.filter(({ name }) => name === 'bash')],
  ['blocked', 'block=17', SHELLS.filter(({ name }) => name !== 'bash')],
])('SIGCHLD, %s, stays so where the shell does not hide it', (how, way, shells) => {
  const world = makeWorld();
  for (const { command } of shells)
    expectNoTrace(world, [how, [way], []], [...command, HOLDFAST, 'run', world.lightningd]);
});

test('started as itself, by its first line', () => {
  const world = makeWorld();
  const way: Way = ['', ['socket=3', 'raw-env'], []];
  expectNoTrace(world, way, [HOLDFAST, 'run', world.lightningd]);
});

test('found in PATH, under the name of lightningd, which then finds the next one', () => {
  const world = makeWorld();
  const bin = join(world.dir, 'local/bin');
  ensureDirSync(bin);
  symlinkSync(HOLDFAST, join(bin, 'lightningd'));
  const inPath = ['env', `PATH=${bin}:${join(world.lightningd, '..')}:${process.env.PATH}`];
  expectNoTrace(world, ['', [], inPath], ['/usr/bin/env', 'lightningd']);
  expectNoTrace(world, ['', [], inPath], [HOLDFAST, 'run', 'lightningd']);
});

test('an option that only asks: the installed program as it is, and nothing else that differs', () => {
  const world = makeWorld();
  const way = ['socket=3', 'raw-env', 'ignore=13'];
  const plain = report(world, way, [], [world.lightningd, '--list-features-only']);
  const asked = report(world, way, [], [HOLDFAST, 'run', world.lightningd, '--list-features-only']);
  expect(asked).toEqual(plain);
});

test('an environment of 600 kB passes; one that cannot is refused in one line', () => {
  const world = makeWorld();
  const words = [
    '-c',
    'for i in 1 2 3 4 5 6 7 8; do [ $i -gt $N ] || export V$i="$BIG"; done; exec "$@"',
    'sh',
  ];
  const big = (times: number, ...command: string[]) =>
    spawnSync('/bin/sh', [...words, ...command], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, BIG: 'x'.repeat(99_000), N: String(times) },
    });
  const run = [HOLDFAST, 'run', world.lightningd, '--list-features-only'];
  const [plain, held] = [big(5, world.lightningd), big(5, ...run)];
  const environment = (text: string) => text.match(/^environment .*$/gm)?.filter(line => !/ _=/.test(line));
  expect(environment(held.stdout)?.length).toBeGreaterThan(5);
  expect(environment(held.stdout)).toEqual(environment(plain.stdout));
  const refused = big(8, ...run);
  expect(refused.status).toBe(125);
  expect(refused.stderr).toMatch(/^holdfast: the environment is larger than .*\n$/);
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

test('with od of the Rust coreutils, which ignores SIGPIPE itself', ctx => {
  const coreutils = '/usr/lib/cargo/bin/coreutils';
  if (!existsSync(`${coreutils}/od`)) ctx.skip('no rust-coreutils here');
  const world = makeWorld();
  const of = (command: readonly string[]) => {
    const lines = report(world, [], ['env', `PATH=${coreutils}:${process.env.PATH}`], command);
    return lines?.filter(line => line.includes('SigIgn'));
  };
  const plain = of([world.lightningd]);
  expect(plain).toHaveLength(1);
  expect(of([HOLDFAST, 'run', world.lightningd])).toEqual(plain);
});

test('a HOLDFAST_NODE that starts Node as its child is refused: the PID would not stay', () => {
  const dir = tempDir();
  const { lightningd } = makeCInstallation(dir, 'v25.12', { plugins: 1 });
  for (const [start, expected] of [
    ['exec', { status: 0, stderr: '' }],
    [
      '',
      {
        status: 125,
        stderr: expect.stringMatching(
          /^holdfast: Node\.js runs as process \d+, a child of .*\nholdfast: hint: HOLDFAST_NODE, or the node in PATH, is a wrapper: /,
        ),
      },
    ],
  ] as const) {
    const wrapper = join(dir, 'wrapper');
    writeFileSync(wrapper, `#!/bin/sh\n${start} '${process.execPath}' "$@"\n`, { mode: 0o755 });
    const { status, stderr } = spawnSync(HOLDFAST, ['run', lightningd, '--version'], {
      encoding: 'utf8',
      env: { ...process.env, HOLDFAST_NODE: wrapper },
    });
    expect({ status, stderr }).toEqual(expected);
  }
});

test.each([['run', 'lightningd'], ['status']])(
  '%s: the locale that Node sees is none of the caller’s',
  (...words) => {
    const node = join(tempDir(), 'node');
    script(node, '#!/bin/sh\n[ "$1" != --version ] || exec echo v20.19.0\necho "$LC_ALL"\n');
    const env = { PATH: process.env.PATH, HOLDFAST_NODE: node, LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8' };
    expect(spawnSync(HOLDFAST, words, { encoding: 'utf8', env }).stdout).toBe('C\n');
  },
);

test.each([
  ['without node', { PATH: '/nowhere' }, /^holdfast: Node\.js is not in PATH.*\n$/],
  [
    'with a HOLDFAST_NODE that is not there',
    { HOLDFAST_NODE: '/nowhere/node' },
    /^holdfast: .*no working Node.*\n$/,
  ],
  [
    'with a HOLDFAST_NODE that is no Node',
    { HOLDFAST_NODE: '/bin/true' },
    /^holdfast: .*no working Node.*\n$/,
  ],
  [
    'with another program as HOLDFAST_NODE',
    { HOLDFAST_NODE: '/bin/ls' },
    /^holdfast: .*no working Node.*\n$/,
  ],
])('%s: one clear line', (_case, env, line) => {
  const ends = [
    [['run', 'lightningd'], 125],
    [['status'], 2],
    [['--version'], 2],
  ] as const;
  for (const [words, status] of ends) {
    const called = spawnSync('/bin/sh', [HOLDFAST, ...words], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, ...env },
    });
    expect(called).toMatchObject({ status, stderr: expect.stringMatching(line) });
  }
});

test.each(['v18.20.4', 'v20.9.0', 'v20.18.3'])(
  'Node.js %s is too old: said, and which is needed',
  version => {
    const old = join(tempDir(), 'node');
    writeFileSync(old, `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
    const called = spawnSync(HOLDFAST, ['--version'], {
      encoding: 'utf8',
      env: { ...process.env, HOLDFAST_NODE: old },
    });
    expect(called).toMatchObject({ status: 2, stderr: expect.stringContaining('20.19 or newer is needed') });
  },
);

test.each([
  ['v20.19.0', ['--jitless', '--no-rehash-snapshot', '--no-lazy', '--no-expose-wasm']],
  ['v24.0.0', ['--jitless', '--no-rehash-snapshot', '--no-lazy']],
  ['v27.0.0', ['--jitless']],
])('Node.js %s gets only options that it is known to take', (version, options) => {
  const node = join(tempDir(), 'node');
  writeFileSync(node, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} && exit\nprintf '%s\\n' "$@"\n`, {
    mode: 0o755,
  });
  const words = spawnSync(HOLDFAST, ['run', 'lightningd'], {
    encoding: 'utf8',
    env: { ...process.env, HOLDFAST_NODE: node },
  }).stdout.split('\n');
  expect(words.slice(0, words.indexOf('holdfast-notes/3') - 1)).toEqual(options);
});

test('what the environment holds stands on no command line, which everybody may read', () => {
  const node = join(tempDir(), 'node');
  writeFileSync(node, `#!/bin/sh\n[ "$1" = --version ] && echo v27.0.0 && exit\nprintf '%s\\n' "$@"\n`, {
    mode: 0o755,
  });
  const { stdout } = spawnSync(HOLDFAST, ['run', 'lightningd'], {
    encoding: 'utf8',
    env: { ...process.env, HOLDFAST_NODE: node, SECRET: 'x'.repeat(100_000) },
  });
  const [, , ...words] = stdout.split('\n');
  expect(words.join(' ')).toMatch(
    /^holdfast-notes\/3 holdfast pid=\d+ closed= inherited=[\d,]* blocked=[\da-f]{16} ignored=[\da-f]{16} lines=\d+ = run lightningd $/,
  );
});

test('a real Node takes the options that its version is given: nothing on stderr', () => {
  const { status, stderr } = spawnSync(HOLDFAST, ['run', '--help'], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
