/** Which snapshots matter now. A store whose lock somebody keeps: test/system/lock.test.ts. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findByName, selectSnapshots } from '../../../src/snapshot/store/in-use.ts';
import { fingerprint } from '../../helpers/holdfast.ts';
import { canLock, holdLock } from '../../helpers/locks.ts';
import { tempDir } from '../../helpers/stand-in.ts';

const [A, B, C] = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb', 'cccccccccccccccc'] as const;
const patience = { lockMs: 10_000, lockWait: () => undefined };

/** A store with these snapshots, and the lock that launches have left. */
function makeStore(names: readonly string[], dir = tempDir()) {
  const store = join(dir, 'store');
  for (const name of names) mkdirSync(join(store, name), { recursive: true });
  mkdirSync(store, { recursive: true });
  writeFileSync(join(store, '.lock'), '', { mode: 0o600 });
  return store;
}

test('`current` first, then every live one; no other, and nothing is changed or kept locked', async () => {
  const store = makeStore([A, B, C, '.staging-1-00ff00ff']);
  symlinkSync(C, join(store, 'current'));
  await holdLock(join(store, A), 'shared');
  await holdLock(join(store, '.staging-1-00ff00ff'), 'shared');
  const before = fingerprint(store);
  expect(await selectSnapshots(store, patience)).toEqual({
    paths: [join(store, C), join(store, A)],
    dangling: undefined,
  });
  expect(fingerprint(store)).toEqual(before);
  expect([canLock(join(store, '.lock')), canLock(join(store, B))]).toEqual([true, true]);
});

test('where `current` leads into another store, the live ones of both', async () => {
  const dir = tempDir();
  const store = makeStore([A, B], dir);
  const fallback = makeStore([B, C], join(dir, 'fallback'));
  symlinkSync(join(fallback, B), join(store, 'current'));
  await holdLock(join(store, A), 'shared');
  await holdLock(join(fallback, C), 'shared');
  expect((await selectSnapshots(store, patience)).paths).toEqual([
    join(fallback, B),
    join(store, A),
    join(fallback, C),
  ]);
  expect([A, B, C, 'current', 'none'].map(name => findByName(store, name))).toEqual([
    join(store, A),
    join(store, B),
    join(fallback, C),
    join(fallback, B),
    undefined,
  ]);
});

test.each([[A], ['/nowhere/store/aaaaaaaaaaaaaaaa']])(
  'a `current` that leads nowhere is said, the live ones are there all the same: %s',
  async target => {
    const store = makeStore([B]);
    symlinkSync(target, join(store, 'current'));
    await holdLock(join(store, B), 'shared');
    expect(await selectSnapshots(store, patience)).toEqual({
      paths: [join(store, B)],
      dangling: target.startsWith('/') ? target : join(store, target),
    });
  },
);

test('where the lock is none that could be asked for, all of them, and none is made', async () => {
  const dir = tempDir();
  const store = join(dir, 'store');
  mkdirSync(join(store, B), { recursive: true });
  mkdirSync(join(store, A));
  expect((await selectSnapshots(store, patience)).paths).toEqual([join(store, A), join(store, B)]);
  // a link to what somebody has locked: it is neither made nor waited for
  symlinkSync(join(dir, 'elsewhere'), join(store, '.lock'));
  await holdLock(join(dir, 'elsewhere'));
  const before = fingerprint(dir);
  expect((await selectSnapshots(store, { ...patience, lockMs: 20 })).paths).toEqual([
    join(store, A),
    join(store, B),
  ]);
  expect(fingerprint(dir)).toEqual(before);
});

test('no store is said with what makes one; one that is closed to us is another error', async ctx => {
  const dir = tempDir();
  const none = join(dir, 'none');
  await expect(selectSnapshots(none, patience)).rejects.toMatchObject({
    code: 'NO_SNAPSHOT',
    path: none,
    hints: [expect.anything(), 'holdfast snapshot makes one'],
  });
  if (process.geteuid?.() === 0) ctx.skip('nothing is closed to root');
  const store = makeStore([A], dir);
  chmodSync(store, 0);
  await expect(selectSnapshots(store, patience)).rejects.toMatchObject({ code: 'SYSTEM', errno: 'EACCES' });
  chmodSync(store, 0o755);
});
