/**
 * Installations that somebody made strange, on purpose or not: a snapshot of them is whole and is proven again, or is
 * refused with the name of what is in the way, on one line.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { damageOf } from '../helpers/faults.ts';
import { holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { ageDirectories, makeCInstallation, noCompiler, type StandIn, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

interface Context {
  readonly installed: StandIn;
  /** where plugins are: what is put there is taken into the snapshot */
  readonly plugins: string;
  readonly words: readonly string[];
}

function makeWorld(): Context {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const words = [installed.lightningd, `--lightning-dir=${join(dir, 'lightning')}`, '--network=regtest'];
  return { installed, plugins: join(installed.libexec, 'plugins'), words };
}

/** A program of its own right, so that the gate has nothing against it. */
function put(path: string | Buffer, content = '#!/bin/sh\n'): void {
  writeFileSync(path, content, { mode: 0o755 });
}

/** Makes `PATH` immutable or append-only until the test is over; false where the file system has no such attributes. */
function chattr(attribute: 'i' | 'a', path: string): boolean {
  if (spawnSync('chattr', [`+${attribute}`, path]).status !== 0) return false;
  onTestFinished(() => void spawnSync('chattr', [`-${attribute}`, path]));
  return true;
}

const DEEP = Array.from({ length: 200 }, (_, level) => `d${level}`).join('/');

describe('taken as it is', () => {
  test.for<[string, (world: Context) => unknown]>([
    ['names of newlines, quotes, backslashes and tabs', ({ plugins }) => put(join(plugins, `a\n'b'"\\\t\r`))],
    [
      'names that look like options',
      ({ plugins }) => {
        for (const name of ['-rf', '--help', '-']) put(join(plugins, name));
      },
    ],
    ['a name of 255 bytes', ({ plugins }) => put(join(plugins, '€'.repeat(85)))],
    ['names that a terminal would obey', ({ plugins }) => put(join(plugins, '\u001b[31mred\u0007'))],
    [
      'names of Object.prototype',
      ({ plugins }) => {
        for (const name of ['__proto__', 'constructor', 'toString']) put(join(plugins, name));
      },
    ],
    [
      'directories 200 deep',
      ({ plugins }) => {
        ensureDirSync(join(plugins, 'python', DEEP));
        put(join(plugins, 'python', DEEP, 'plugin.py'));
      },
    ],
    [
      'five thousand files',
      ({ plugins }) => {
        mkdirSync(join(plugins, 'many'));
        for (let n = 0; n < 5_000; n++) writeFileSync(join(plugins, 'many', `${n}`), `${n}`);
      },
    ],
    [
      'hard links among themselves',
      ({ installed, plugins }) =>
        linkSync(join(installed.libexec, 'lightning_openingd'), join(plugins, 'the-same')),
    ],
    ['a link to a file beside it', ({ plugins }) => symlinkSync('bcli', join(plugins, 'bcli-too'))],
    ['a link to a file elsewhere', ({ plugins }) => symlinkSync('/bin/cat', join(plugins, 'cat'))],
    [
      'a sparse file of 64 MB',
      ({ plugins }) => {
        const fd = openSync(join(plugins, 'sparse'), 'w', 0o755);
        ftruncateSync(fd, 64 * 1024 * 1024);
        closeSync(fd);
      },
    ],
    ['an immutable file', ({ plugins }) => chattr('i', join(plugins, 'bcli'))],
    ['an append-only file', ({ plugins }) => chattr('a', join(plugins, 'bcli'))],
    [
      'an ACL',
      ({ plugins }) => spawnSync('setfacl', ['-m', 'u:12345:rwx', join(plugins, 'bcli')]).status === 0,
    ],
    ['a file that only its owner may read', ({ plugins }) => chmodSync(join(plugins, 'bcli'), 0o700)],
  ])('%s', ([, make], ctx) => {
    const world = makeWorld();
    if (make(world) === false) ctx.skip('this file system has no such thing');
    ageDirectories(world.installed.prefix);
    const { path, id } = snapshotJson(world.words);
    expect(damageOf(path)).toBe('');
    const lightningDir = dirname(dirname(path));
    const { status, stdout } = holdfast(['verify', `--lightning-dir=${lightningDir}`, '--network=regtest']);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/ok/)]);
    expect(snapshotJson(world.words)).toMatchObject({ id, reused: true });
  });
});

/** What cannot be taken, by the directory to make it in, and how it is named. */
const IMPOSSIBLE: readonly [string, (directory: string) => void, RegExp][] = [
  [
    'a name that is not UTF-8',
    directory => put(Buffer.concat([Buffer.from(`${directory}/caf`), Buffer.from([0xe9])])),
    /\/caf\\xe9/,
  ],
  [
    'a name that is half a surrogate pair',
    directory => put(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xed, 0xa0, 0xbd])])),
    /\/\\xed\\xa0\\xbd/,
  ],
  ['a link to itself', directory => symlinkSync('loop', join(directory, 'loop')), /\/loop'.*circles/],
  [
    'links in a ring',
    directory => {
      symlinkSync('b', join(directory, 'a'));
      symlinkSync('a', join(directory, 'b'));
    },
    /\/[ab]'.*circles/,
  ],
  ['a link that dangles', directory => symlinkSync('/nowhere', join(directory, 'gone')), /\/gone/],
  ['a link to a directory elsewhere', directory => symlinkSync('/etc', join(directory, 'etc')), /\/etc/],
  ['a FIFO', directory => void execFileSync('mkfifo', [join(directory, 'pipe')]), /\/pipe/],
  ['a device', directory => symlinkSync('/dev/zero', join(directory, 'zero')), /\/zero/],
];

describe('what cannot be taken, on one line that names it', () => {
  test.each(IMPOSSIBLE)(
    "%s is left out of a plugin directory, where it is an operator's own",
    (_what, make, names) => {
      const world = makeWorld();
      make(world.plugins);
      ageDirectories(world.installed.prefix);
      const { status, stdout, stderr } = holdfast(['snapshot', '--settle=0', ...world.words]);
      expect([status, damageOf(stdout.trim())]).toEqual([0, '']);
      expect(stderr.split('\n').filter(line => names.test(line))[0]).toMatch(
        /^holdfast: warning: .*not in the snapshot/,
      );
    },
  );

  test.each(IMPOSSIBLE)('%s is refused beside the subdaemons', (_what, make, names) => {
    const world = makeWorld();
    make(world.installed.libexec);
    ageDirectories(world.installed.prefix);
    const { status, stdout, stderr } = holdfast(['snapshot', '--settle=0', ...world.words]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(names);
    expect(stderr.split('\n')[0]).toMatch(/^holdfast: /);
  });
});

describe('a link to a directory above itself', () => {
  test('is a directory once, and no ring without end', () => {
    const { plugins, installed, words } = makeWorld();
    symlinkSync('..', join(plugins, 'up'));
    ageDirectories(installed.prefix);
    const { status, stderr, stdout } = holdfast(['snapshot', '--settle=0', ...words]);
    if (status === 0) expect(damageOf(stdout.trim())).toBe('');
    else expect(stderr).toMatch(/plugins\/up/);
  });
});

describe('the configuration', () => {
  test.each<[string, (config: string) => void, RegExp]>([
    ['of 100 MB', config => writeFileSync(config, '#\n'.repeat(50_000_000)), /config'.*bytes/],
    ['that includes itself', config => writeFileSync(config, 'include config\n'), /config' line 1: .*itself/],
    [
      'that includes a device without end',
      config => writeFileSync(config, 'include /dev/zero\n'),
      /\/dev\/zero/,
    ],
    ['that is a FIFO', config => void execFileSync('mkfifo', [config]), /config'/],
  ])('%s is refused and named, and no snapshot made', (_what, make, names) => {
    const { words, installed } = makeWorld();
    const lightningDir = join(installed.prefix, '../lightning');
    ensureDirSync(lightningDir);
    make(join(lightningDir, 'config'));
    const { status, stderr } = holdfast(['snapshot', ...words]);
    expect(status).toBe(2);
    expect(stderr).toMatch(names);
    expect(existsSync(join(lightningDir, 'subdaemons/current'))).toBe(false);
    expect(lstatSync(join(lightningDir, 'config'))).toBeDefined();
  });
});

test.each<[string, Record<string, string>]>([
  ['empty', {}],
  ['of a terminal that does not exist', { TERM: '\u001b', COLUMNS: '-1', LINES: 'x', LANG: 'xx_XX.none' }],
  [
    'that would act on Node',
    { NODE_OPTIONS: '--no-such-option', NODE_PATH: '/nowhere', NODE_V8_COVERAGE: '/proc' },
  ],
  [
    'that would act on the shell',
    { IFS: 'u', ENV: '/dev/zero', BASH_ENV: '/dev/zero', CDPATH: '/', PS4: '$(exit 1)' },
  ],
  ['of 500 kB', Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`LONG_${n}`, 'x'.repeat(10_000)]))],
  ['of names that are no identifiers', { 'a b': '1', 'x-y': '2', '': '3', é: '4' }],
])('an environment %s changes nothing', (_what, variables) => {
  const { words } = makeWorld();
  const env = { PATH: process.env.PATH, HOLDFAST_NODE: process.execPath, ...variables };
  expect(damageOf(snapshotJson(words, { env }).path)).toBe('');
});
