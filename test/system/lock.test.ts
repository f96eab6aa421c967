/** A store that somebody has locked and does not let go of. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { selectSnapshots } from '../../src/snapshot/store/in-use.ts';
import { fingerprint, holdfast } from '../helpers/holdfast.ts';
import { until, works } from '../helpers/running.ts';
import { makeCInstallation, noCompiler, start, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  if (noCompiler() !== undefined) ctx.skip(noCompiler());
  if (!works('python3', '-c', '0')) ctx.skip('no python3 here');
});

/** Locks the file, says so, and stops itself. */
const HOLD = `import fcntl, os, signal, sys
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(lock, fcntl.LOCK_EX)
print('locked', flush=True)
os.kill(os.getpid(), int(sys.argv[2]))
signal.pause()`;

/** A store whose lock a process holds that got this signal (0: none). */
async function makeLocked(signal: number) {
  const dir = tempDir();
  const { lightningd } = makeCInstallation(dir, 'v25.12', { plugins: 1 });
  const store = join(dir, 'l/subdaemons');
  mkdirSync(store, { recursive: true, mode: 0o755 });
  const holder = start('python3', ['-c', HOLD, join(store, '.lock'), `${signal}`]);
  await until('the lock', () => holder.output().includes('locked'));
  return { dir, lightningd, store, holder };
}

test('a launch says who holds the lock, and ends when --settle is over: 5 s at least', async () => {
  const { dir, lightningd, store, holder } = await makeLocked(19);
  const before = fingerprint(store);
  const { status, stderr } = holdfast(['run', '--settle=0', lightningd, `--lightning-dir=${dir}/l`]);
  const who = `process ${holder.pid}, which is stopped`;
  expect({ status, stderr }).toEqual({
    status: 125,
    stderr: `holdfast: another holdfast works in the store, ${who}: waiting for it
holdfast: cannot lock the store: '${store}/.lock' has been locked for 5 s by ${who}
holdfast: hint: let it go on: kill -CONT ${holder.pid}
holdfast: hint: or end it, which gives the lock back and harms no snapshot: kill ${holder.pid}
`,
  });
  expect(fingerprint(store)).toEqual(before);
});

test('so does what only reads the store', async () => {
  const { lightningd, dir, store, holder } = await makeLocked(0);
  const words = [lightningd, `--lightning-dir=${dir}/other`];
  expect(holdfast(['snapshot', ...words]).status).toBe(0);
  expect(works('sh', '-c', `cp -a ${dir}/other/subdaemons/????????????????  ${store}/`)).toBe(true);
  const said: string[] = [];
  const selection = selectSnapshots(store, { lockMs: 1500, lockWait: who => said.push(who) });
  await expect(selection).rejects.toMatchObject({
    code: 'LOCKED',
    path: `${store}/.lock`,
    message: expect.stringContaining(`by process ${holder.pid}`),
    hints: [`end it, which gives the lock back and harms no snapshot: kill ${holder.pid}`],
  });
  expect(said).toEqual([`process ${holder.pid}`]);
});
