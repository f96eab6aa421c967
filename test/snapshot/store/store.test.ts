import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HoldfastError } from '../../../src/errors.ts';
import { listStore, makeStore, openStore } from '../../../src/snapshot/store/store.ts';
import { tempDir } from '../../helpers/stand-in.ts';

const uid = process.geteuid?.() ?? 0;

test('a missing lightning-dir is made 0700 and the store in it 0755, whatever the umask', () => {
  const dir = tempDir();
  const old = process.umask(0o077);
  try {
    makeStore(join(dir, 'lightning/subdaemons'), { uid }).close();
  } finally {
    process.umask(old);
  }
  expect(lstatSync(join(dir, 'lightning')).mode & 0o777).toBe(0o700);
  expect(lstatSync(join(dir, 'lightning/subdaemons')).mode & 0o777).toBe(0o755);
});

test('a store that is a symbolic link is refused, and what it points to stays empty', () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'elsewhere'));
  symlinkSync('elsewhere', join(dir, 'subdaemons'));
  expect(() => makeStore(join(dir, 'subdaemons'), { uid })).toThrow(
    expect.objectContaining({ code: 'STORE_REFUSED' }),
  );
  expect(existsSync(join(dir, 'elsewhere/.lock'))).toBe(false);
});

test('a store that is a file is refused, and the file stays as it was', () => {
  const dir = tempDir();
  writeFileSync(join(dir, 'subdaemons'), 'mine');
  expect(() => makeStore(join(dir, 'subdaemons'), { uid })).toThrow(
    expect.objectContaining({ code: 'STORE_REFUSED' }),
  );
  expect(readFileSync(join(dir, 'subdaemons'), 'utf8')).toBe('mine');
});

test("another user's store is refused to an ordinary user, and open to root", ctx => {
  if (uid !== 0) ctx.skip('only root can give a directory away');
  const dir = tempDir();
  mkdirSync(join(dir, 'subdaemons'));
  chownSync(join(dir, 'subdaemons'), 4711, 4711);
  expect(() => openStore(join(dir, 'subdaemons'), { uid: 4712 })).toThrow(/belongs to user 4711/);
  openStore(join(dir, 'subdaemons'), { uid: 0 }).close();
});

test('a store that others may write to is refused', () => {
  const dir = tempDir();
  const store = join(dir, 'subdaemons');
  mkdirSync(store);
  makeStore(store, { uid }).close();
  const old = process.umask(0);
  mkdirSync(join(dir, 'open'), 0o777);
  process.umask(old);
  expect(() => openStore(join(dir, 'open'), { uid })).toThrow(/writable by group or others/);
});

test('a command to type names the path as a shell reads it', () => {
  const store = join(tempDir(), "l'n\\x2d\nd");
  mkdirSync(store);
  chmodSync(store, 0o777);
  let hint = '';
  try {
    openStore(store, { uid });
  } catch (error) {
    if (error instanceof HoldfastError) hint = `${error.hints[0]}`;
  }
  expect(hint).toMatch(/^chmod go-w [^\n]*$/);
  execFileSync('bash', ['-c', hint]);
  expect(lstatSync(store).mode & 0o777).toBe(0o755);
});

test.each([
  ['a file of the operator', 'notes.txt', 'file'],
  ["a file under a snapshot's name", '0123456789abcdef', 'file'],
  ["a link under a snapshot's name", '0123456789abcdef', 'link'],
  ['a directory under an unknown name', 'backup', 'directory'],
  ['a directory called .lock', '.lock', 'directory'],
  ['a directory called CACHEDIR.TAG', 'CACHEDIR.TAG', 'directory'],
  ['a directory called current', 'current', 'directory'],
  ['a name that only looks like staging', '.staging-mine', 'directory'],
] as const)('a store that holds %s is refused, and it stays', (_what, name, kind) => {
  const dir = tempDir();
  const store = makeStore(join(dir, 'subdaemons'), { uid });
  const path = join(dir, 'subdaemons', name);
  if (kind === 'file') writeFileSync(path, 'mine');
  else if (kind === 'link') symlinkSync('/etc', path);
  else mkdirSync(path);
  try {
    expect(() => listStore(store)).toThrow(expect.objectContaining({ code: 'STORE_REFUSED', path }));
  } finally {
    store.close();
  }
  expect(lstatSync(path, { throwIfNoEntry: false })).toBeDefined();
});

test("a directory of something else under a snapshot's name is refused, and what it holds stays", () => {
  const dir = tempDir();
  const path = join(dir, 'subdaemons/0123456789abcdef');
  mkdirSync(join(path, 'photos'), { recursive: true });
  writeFileSync(join(path, 'photos/family'), 'mine');
  chmodSync(join(dir, 'subdaemons'), 0o755);
  expect(() => openStore(join(dir, 'subdaemons'), { uid })).toThrow(
    expect.objectContaining({ code: 'STORE_REFUSED', path }),
  );
  expect(readFileSync(join(path, 'photos/family'), 'utf8')).toBe('mine');
});

test.each([['manifest.json'], ['SHA256SUMS'], ['.record.json'], ['libexec'], ['plugins'], ['.libraries']])(
  'what has nothing but %s left is a snapshot all the same, and may be wiped',
  name => {
    const dir = tempDir();
    const store = makeStore(join(dir, 'subdaemons'), { uid });
    mkdirSync(join(dir, 'subdaemons/0123456789abcdef', name), { recursive: true });
    try {
      expect(listStore(store).snapshots).toEqual(['0123456789abcdef']);
    } finally {
      store.close();
    }
  },
);

test('a store lists its snapshots and what crashes left; a file system of its own may hold lost+found', () => {
  const dir = tempDir();
  const store = makeStore(join(dir, 'subdaemons'), { uid });
  for (const name of ['0123456789abcdef', '0123456789abcdef.1', '.staging-12-00ff00ff', 'lost+found']) {
    mkdirSync(join(dir, 'subdaemons', name));
  }
  writeFileSync(join(dir, 'subdaemons/.lock'), '');
  writeFileSync(join(dir, 'subdaemons/CACHEDIR.TAG'), '');
  symlinkSync('0123456789abcdef', join(dir, 'subdaemons/current'));
  try {
    expect(listStore(store)).toEqual({
      snapshots: ['0123456789abcdef', '0123456789abcdef.1'],
      staging: ['.staging-12-00ff00ff'],
    });
  } finally {
    store.close();
  }
});
