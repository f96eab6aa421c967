import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import {
  type FallbackCandidate,
  fallbackStores,
  lookAtFallback,
  openFallback,
  whyPassing,
} from '../../../src/snapshot/fallback/candidates.ts';
import { ORDINARY_USER } from '../../helpers/holdfast.ts';
import { lastingDir } from '../../helpers/mounts.ts';
import { asUser } from '../../helpers/running.ts';
import { tempDir } from '../../helpers/stand-in.ts';

const uid = process.geteuid!();

function candidates(environment: Record<string, string>, user = uid): FallbackCandidate[] {
  return [...fallbackStores({ environment, uid: user, lightningDir: '/nonexistent/.lightning' })];
}

/** A candidate whose base is this directory, as a unit would name it. */
function unit(base: string, user = uid): FallbackCandidate {
  return candidates({ RUNTIME_DIRECTORY: base }, user)[0]!; // named first, so tried first
}

test('the candidates come in order, each with a store of its own for the lightning-dir', () => {
  const all = candidates(
    {
      RUNTIME_DIRECTORY: '/run/lightningd:/run/other',
      CACHE_DIRECTORY: '/var/cache/lightningd/',
      XDG_CACHE_HOME: '/home/alice/cache',
      HOME: '/home/alice',
    },
    1000,
  );
  expect(all.map(({ origin, path }) => [origin, path])).toEqual([
    ['$RUNTIME_DIRECTORY', '/run/lightningd/holdfast/nonexistent-.lightning'],
    ['$CACHE_DIRECTORY', '/var/cache/lightningd/holdfast/nonexistent-.lightning'],
    ['$XDG_CACHE_HOME', '/home/alice/cache/holdfast/nonexistent-.lightning'],
    ['/var/lib/holdfast', '/var/lib/holdfast/nonexistent-.lightning'],
    ['/var/tmp', '/var/tmp/holdfast-1000/nonexistent-.lightning'],
  ]);
});

test.each([
  ['is not set', {}],
  ['is empty', { XDG_CACHE_HOME: '' }],
  ['is relative', { XDG_CACHE_HOME: 'cache' }],
])('~/.cache is taken where XDG_CACHE_HOME %s', (_what, environment) => {
  const [first] = candidates({ ...environment, HOME: '/home/alice' });
  expect(first).toMatchObject({ origin: '~/.cache', base: '/home/alice/.cache' });
});

test('without HOME and the rest only the fixed places are left; a relative directory is none', () => {
  const fixed = ['/var/lib/holdfast', '/var/tmp'];
  expect(candidates({}).map(({ origin }) => origin)).toEqual(fixed);
  expect(candidates({ RUNTIME_DIRECTORY: 'run', HOME: '.' }).map(({ origin }) => origin)).toEqual(fixed);
});

test('two names of one lightning-dir have one store', () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'real'));
  symlinkSync('real', join(dir, 'link'));
  const store = (lightningDir: string) =>
    [...fallbackStores({ environment: {}, uid, lightningDir })].at(-1)?.path;
  expect(store(join(dir, 'link/regtest'))).toBe(store(join(dir, 'real/regtest')));
});

test('it is made 0700, each level, whatever the umask; a second launch finds the same', () => {
  const base = lastingDir();
  const old = process.umask(0o777);
  try {
    const path = openFallback(unit(base));
    expect(path).toBe(`${base}/holdfast/nonexistent-.lightning`);
    expect(openFallback(unit(base))).toBe(path);
  } finally {
    process.umask(old);
  }
  for (const below of ['holdfast', 'holdfast/nonexistent-.lightning']) {
    expect(lstatSync(join(base, below)).mode & 0o7777).toBe(0o700);
  }
});

test('looking makes nothing, and says what is missing', () => {
  const base = lastingDir();
  const { directory, missing } = lookAtFallback(unit(base));
  directory.close();
  expect(missing).toEqual(['holdfast', 'nonexistent-.lightning']);
  expect(readdirSync(base)).toEqual([]);
});

test('~/.cache is made where HOME is there, and HOME never', () => {
  const home = lastingDir();
  const [cache] = candidates({ HOME: home });
  expect(openFallback(cache!)).toBe(`${home}/.cache/holdfast/nonexistent-.lightning`);
  expect(lstatSync(join(home, '.cache')).mode & 0o777).toBe(0o700);
  const [missing] = candidates({ HOME: join(home, 'nobody') });
  expect(() => openFallback(missing!)).toThrow(/there is no/);
  expect(existsSync(join(home, 'nobody'))).toBe(false);
});

test('a ~/.cache that is a link of the user to another disk is followed', () => {
  const home = lastingDir();
  mkdirSync(join(home, 'disk'));
  symlinkSync('disk', join(home, '.cache'));
  const [cache] = candidates({ HOME: home });
  expect(openFallback(cache!)).toBe(`${home}/disk/holdfast/nonexistent-.lightning`);
});

test("a unit's directory that is not there is not made", () => {
  const base = join(lastingDir(), 'lightningd');
  expect(() => openFallback(unit(base))).toThrow(expect.objectContaining({ code: 'STORE_REFUSED' }));
  expect(existsSync(base)).toBe(false);
});

test.each(['/run/user/1000', '/run/user/1000/lightningd', '/dev/shm', '/dev/shm/x', '/tmp', '/tmp/x'])(
  '%s does not last as long as a node',
  path => {
    expect(whyPassing(path)).toBeDefined();
  },
);

test.each(['/run/lightningd', '/run/username', '/var/tmp', '/tmpfs', '/home/tmp', '/dev/shmem'])(
  '%s does',
  path => {
    expect(whyPassing(path)).toBeUndefined();
  },
);

test('a directory below /tmp is refused, also through a link', () => {
  const dir = tempDir(); // os.tmpdir()
  if (!dir.startsWith('/tmp/')) return;
  const link = join(lastingDir(), 'link');
  symlinkSync(dir, link);
  for (const base of [dir, link]) expect(() => openFallback(unit(base))).toThrow(/cleaned by age/);
  expect(readdirSync(dir)).toEqual([]);
});

/** Each row prepares what somebody else may have done before us, below a base of ours. */
const ATTACKS: [what: string, prepare: (base: string) => void, message: RegExp][] = [
  [
    'a directory of another user',
    base => {
      mkdirSync(join(base, 'holdfast'), 0o700);
      chownSync(join(base, 'holdfast'), 4711, 4711);
    },
    /belongs to user 4711/,
  ],
  [
    'a store of another user in our directory',
    base => {
      mkdirSync(join(base, 'holdfast/nonexistent-.lightning'), { recursive: true, mode: 0o700 });
      chownSync(join(base, 'holdfast/nonexistent-.lightning'), 4711, 4711);
    },
    /belongs to user 4711/,
  ],
  [
    'a symbolic link to a directory',
    base => symlinkSync('elsewhere', join(base, 'holdfast')),
    /symbolic link/,
  ],
  ['a dangling link', base => symlinkSync('nowhere', join(base, 'holdfast')), /symbolic link/],
  ['a file', base => writeFileSync(join(base, 'holdfast'), ''), /symbolic link or no directory/],
  [
    'a directory that others may write to',
    base => {
      mkdirSync(join(base, 'holdfast'));
      chmodSync(join(base, 'holdfast'), 0o1777);
    },
    /writable by group or others/,
  ],
  ['a base that others may write to, without a sticky bit', base => chmodSync(base, 0o777), /no sticky bit/],
  ['a base that a group may write to', base => chmodSync(base, 0o770), /no sticky bit/],
  ['a base of another user', base => chownSync(base, 4711, 4711), /belongs to user 4711/],
];

test.for(ATTACKS)('refused, and left as it was: %s', ([, prepare, message], ctx) => {
  if (uid !== 0) return ctx.skip('only root can give a directory away');
  const top = lastingDir();
  const base = join(top, 'base');
  mkdirSync(base);
  mkdirSync(join(base, 'elsewhere'));
  prepare(base);
  const before = picture(top);
  expect(() => openFallback(unit(base))).toThrow(message);
  expect(() => openFallback(unit(base))).toThrow(expect.objectContaining({ code: 'STORE_REFUSED' }));
  expect(picture(top)).toEqual(before);
});

test('a base below a directory that somebody else holds is refused', ctx => {
  if (uid !== 0) return ctx.skip('only root can give a directory away');
  const top = lastingDir();
  ensureDirSync(join(top, 'theirs/ours'));
  chownSync(join(top, 'theirs'), 4711, 4711);
  expect(() => openFallback(unit(join(top, 'theirs/ours')))).toThrow(/belongs to user 4711/);
});

test('a sticky directory that everybody writes to is accepted: /var/tmp is one', ctx => {
  if (uid !== 0) return ctx.skip('only root can become another user');
  const base = lastingDir();
  chmodSync(base, 0o1777);
  const path = asUser(ORDINARY_USER, () => openFallback(unit(base, ORDINARY_USER)));
  expect(lstatSync(path)).toMatchObject({ uid: ORDINARY_USER, gid: ORDINARY_USER });
  expect(lstatSync(path).mode & 0o777).toBe(0o700);
  expect(() => openFallback(unit(base, 0))).toThrow(/belongs to user 12345/);
});

/** Every path with its kind, mode and owner. */
function picture(top: string): string[] {
  return ['', ...readdirSync(top, { recursive: true, encoding: 'utf8' })].sort().map(path => {
    const stat = lstatSync(join(top, path));
    const link = stat.isSymbolicLink() ? readlinkSync(join(top, path)) : '';
    return `${path} ${stat.mode.toString(8)} ${stat.uid} ${link}`;
  });
}
