/** The store's lock between processes. Who holds it when it is refused: test/system/lock.test.ts. */
import { existsSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Directory } from '../../../src/linux/files/directory.ts';
import { lockStore } from '../../../src/snapshot/store/lock.ts';
import { environment } from '../../helpers/elsewhere.ts';
import { canLock, holdLock } from '../../helpers/locks.ts';
import { programOf } from '../../helpers/mounts.ts';
import { closing, openFiles } from '../../helpers/plain.ts';
import { until } from '../../helpers/running.ts';
import { start, tempDir } from '../../helpers/stand-in.ts';
import { stopAt } from '../../helpers/stopped.ts';
import { noStrace } from '../../helpers/strace.ts';

const patience = { lockMs: 10_000, lockWait: () => undefined };

function makeStore() {
  const path = tempDir();
  return { store: closing(Directory.open(path)), file: join(path, '.lock') };
}

test('while it is held no other process has it, nor another caller in this one; then everybody may', async () => {
  const { store, file } = makeStore();
  const lock = await lockStore(store, patience);
  expect(canLock(file, 'shared')).toBe(false);
  await expect(lockStore(store, { ...patience, lockMs: 20 })).rejects.toMatchObject({ code: 'LOCKED' });
  lock.release();
  expect(canLock(file)).toBe(true);
});

test('whoever works there is waited for, be it one that only reads', async () => {
  const { store, file } = makeStore();
  const holder = await holdLock(file, 'shared');
  const before = openFiles();
  await expect(lockStore(store, { ...patience, lockMs: 20 })).rejects.toMatchObject({ code: 'LOCKED' });
  expect(openFiles()).toBe(before);
  const waiting = lockStore(store, patience);
  process.kill(holder.pid);
  (await waiting).release();
});

test('a program that is started meanwhile does not keep it', async () => {
  const { store, file } = makeStore();
  const lock = await lockStore(store, patience);
  const program = start('sh', ['-c', 'echo here; exec sleep 60']);
  await until('the program', () => program.output() !== '');
  lock.release();
  expect(canLock(file)).toBe(true);
});

test('what is locked is the file that the next one opens, though it was removed and made anew meanwhile', async ctx => {
  const reason = noStrace();
  if (reason !== undefined) ctx.skip(reason);
  const dir = tempDir();
  const [file, done] = [join(dir, '.lock'), join(dir, 'done')];
  const program = await programOf(`import { writeFileSync } from 'node:fs';
    import { Directory } from 'src/linux/files/directory.ts';
    import { lockStore } from 'src/snapshot/store/lock.ts';
    lockStore(Directory.open(process.argv[2]), { lockMs: 10_000 }).then(() => {
      writeFileSync(process.argv[3], '');
      setInterval(() => {}, 1000);
    });`);
  const command = [process.execPath, program, dir, done];
  const stopped = await stopAt({ name: 'flock', nth: 1, line: '' }, [
    'env',
    `NODE_PATH=${environment.NODE_PATH}`,
    ...command,
  ]);
  unlinkSync(file);
  writeFileSync(file, '');
  void stopped?.goOn();
  await until('the lock', () => existsSync(done));
  expect(canLock(file)).toBe(false);
  await stopped?.kill();
});

test('a link in its place is not followed', async () => {
  const { store, file } = makeStore();
  const precious = join(tempDir(), 'precious');
  symlinkSync(precious, file);
  await expect(lockStore(store, patience)).rejects.toMatchObject({
    code: 'SYSTEM',
    errno: 'ELOOP',
    path: file,
  });
  expect(existsSync(precious)).toBe(false);
  writeFileSync(precious, 'money');
  await expect(lockStore(store, patience)).rejects.toMatchObject({ errno: 'ELOOP' });
  expect(readFileSync(precious, 'utf8')).toBe('money');
});
