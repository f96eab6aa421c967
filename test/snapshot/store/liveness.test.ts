/** May an entry of the store be wiped? Real locks and real programs. Through FUSE: test/system/fuse.test.ts. */
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { Directory } from '../../../src/linux/files/directory.ts';
import { claim, isLive } from '../../../src/snapshot/store/liveness.ts';
import { ORDINARY_USER } from '../../helpers/holdfast.ts';
import { canLock, holdLock } from '../../helpers/locks.ts';
import { closing, openFiles } from '../../helpers/plain.ts';
import { asUser, copyOfSleep, Running } from '../../helpers/running.ts';
import { tempDir } from '../../helpers/stand-in.ts';

/** No other test's: what runs by this name elsewhere on the machine would count. */
const NAME = randomBytes(8).toString('hex');
const STAGING = '.staging-1-00ff00ff';

const running = new Running();
afterEach(() => running.end());

/** A store with one entry, and a program in it. */
function makeStore(name: string = NAME, dir = tempDir()) {
  const entry = join(dir, name);
  mkdirSync(join(entry, 'libexec/plugins'), { recursive: true });
  writeFileSync(join(entry, '.record.json'), dir);
  const program = copyOfSleep(join(entry, 'libexec/plugins/pay'));
  return { dir, entry, program, store: closing(Directory.open(dir)) };
}

test('what nobody uses is free; as long as it is claimed nobody can lock it, and then everybody', () => {
  const { store, entry } = makeStore();
  const before = openFiles();
  const claimed = claim(store, NAME);
  expect(claimed.is).toBe('free');
  expect(canLock(entry, 'shared')).toBe(false);
  if (claimed.is === 'free') claimed.release();
  expect([canLock(entry), openFiles()]).toEqual([true, before]);
});

test.each([
  ['a snapshot', NAME],
  ['a staging directory', STAGING],
])('%s is live while somebody holds a lock on it', async (_what, name) => {
  const { store, entry } = makeStore(name);
  const holder = await holdLock(entry, 'shared');
  const before = openFiles();
  expect([claim(store, name).is, isLive(store, name), openFiles()]).toEqual(['live', true, before]);
  process.kill(holder.pid);
  await holder.ended;
  expect(isLive(store, name)).toBe(false);
});

test.each<[string, boolean, (program: string, dir: string) => string]>([
  ['a program of it', true, program => program],
  [
    'the installed program that it is a link to',
    true,
    (program, dir) => {
      linkSync(program, join(dir, 'installed'));
      return join(dir, 'installed');
    },
  ],
  ['a copy of its program', false, (_program, dir) => copyOfSleep(join(dir, 'copy'))],
  [
    'what a link in it leads to',
    false,
    (program, dir) => {
      unlinkSync(program);
      const elsewhere = copyOfSleep(join(dir, 'elsewhere'));
      symlinkSync(elsewhere, program);
      return program;
    },
  ],
])('somebody runs %s: is it live? %s', async (_what, expected, prepare) => {
  const { store, program } = makeStore();
  await running.start(prepare(program, tempDir()), ['60']);
  expect(isLive(store, NAME)).toBe(expected);
});

test('a staging directory is not live by what runs from it', async () => {
  const { store, program } = makeStore(STAGING);
  await running.start(program, ['60']);
  expect(isLive(store, STAGING)).toBe(false);
});

test('a program runs on another device from one of this name: live, unless it is surely another one', async ctx => {
  const { store, entry } = makeStore();
  if (!existsSync('/dev/shm') || statSync('/dev/shm').dev === statSync(entry).dev)
    ctx.skip('no second file system at /dev/shm');
  const elsewhere = mkdtempSync('/dev/shm/holdfast-test-');
  onTestFinished(() => rmSync(elsewhere, { recursive: true }));
  const { program, entry: twin } = makeStore(NAME, elsewhere);
  await running.start(program, ['60']);
  // another record: a snapshot of the same programs in another store
  expect(isLive(store, NAME)).toBe(false);
  // as through another mount, where the record is this one
  rmSync(join(twin, '.record.json'));
  expect(isLive(store, NAME)).toBe(true);
});

test('what is gone is not live, nor is what is no directory', () => {
  const { dir, store } = makeStore();
  writeFileSync(join(dir, STAGING), '');
  expect([claim(store, 'bbbbbbbbbbbbbbbb').is, claim(store, STAGING).is]).toEqual(['gone', 'free']);
});

test('what cannot be asked may be live, and is said', async ctx => {
  if (process.geteuid?.() !== 0) ctx.skip('needs root');
  const { entry, store, program } = makeStore();
  await running.start(copyOfSleep(`${program}.other`), ['60']);
  const closed = join(entry, 'libexec');
  const { chmodSync } = await import('node:fs');
  chmodSync(closed, 0o700);
  const claimed = asUser(ORDINARY_USER, () => claim(store, NAME));
  expect(claimed.is).toBe('unknown');
});
