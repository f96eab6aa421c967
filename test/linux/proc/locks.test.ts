import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { recordLockOn } from '../../../src/linux/files/record-lock.ts';
import {
  holdersOf,
  locksThrough,
  parseLocks,
  readLocks,
  splitDevice,
} from '../../../src/linux/proc/locks.ts';
import { bundle, jsonFrom } from '../../helpers/elsewhere.ts';
import { Running, until, works } from '../../helpers/running.ts';

const running = new Running();
afterEach(() => running.end());

const SAMPLE = `1: POSIX  ADVISORY  WRITE 1741 fd:01:8391044 0 EOF
1: -> POSIX  ADVISORY  WRITE 1742 fd:01:8391044 0 EOF
2: FLOCK  ADVISORY  READ  99 00:1a:77 0 EOF
3: OFDLCK ADVISORY  WRITE -1 08:01:131 0 EOF
4: LEASE  ACTIVE    READ  12 08:01:132 0 EOF
5: DELEG  BREAKING  READ  12 08:01:132 0 EOF
6: POSIX  ADVISORY  READ  5 08:01:8391044 128 128
7: POSIX  *NOINODE* WRITE 5 <none>:0 0 EOF
`;

describe('parseLocks', () => {
  test('reads locks that are held, not those that wait or have no inode', () => {
    const locks = parseLocks(SAMPLE);
    expect(locks.map(lock => [lock.type, lock.pid, lock.ino])).toEqual([
      ['POSIX', 1741, 8391044n],
      ['FLOCK', 99, 77n],
      ['OFDLCK', -1, 131n],
      ['LEASE', 12, 132n],
      ['DELEG', 12, 132n],
      ['POSIX', 5, 8391044n],
    ]);
    expect(locks[0]).toMatchObject({ access: 'WRITE', major: 0xfd, minor: 1 });
  });

  test('any lock that the kernel prints is read back, and noise never throws', () => {
    const hex = (value: number) => value.toString(16).padStart(2, '0');
    fc.assert(
      fc.property(
        fc.nat({ max: 0xfff }),
        fc.nat({ max: 0xfffff }),
        fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
        fc.integer({ min: 1, max: 4194304 }),
        (major, minor, ino, pid) => {
          const text = `17: POSIX  ADVISORY  WRITE ${pid} ${hex(major)}:${hex(minor)}:${ino} 0 EOF\n`;
          expect(parseLocks(text)).toEqual([{ type: 'POSIX', access: 'WRITE', pid, major, minor, ino }]);
        },
      ),
    );
    fc.assert(fc.property(fc.string(), text => void parseLocks(text)));
  });
});

describe('holdersOf', () => {
  const dev = (0xfdn << 8n) | 1n;

  test('only POSIX write locks on that device and inode are certain', () => {
    expect(holdersOf({ dev, ino: 8391044n }, parseLocks(SAMPLE))).toEqual({ certain: [1741], possible: [] });
    expect(holdersOf({ dev, ino: 77n }, parseLocks(SAMPLE))).toEqual({ certain: [], possible: [] });
  });

  test('the same inode number on another device is possible only', () => {
    expect(holdersOf({ dev: 5n, ino: 8391044n }, parseLocks(SAMPLE))).toEqual({
      certain: [],
      possible: [1741],
    });
  });

  test('any device number that makedev(3) joins is split again', () => {
    fc.assert(
      fc.property(fc.nat({ max: 0xffffffff }), fc.nat({ max: 0xffffffff }), (major, minor) => {
        const [a, b] = [BigInt(major), BigInt(minor)];
        const dev =
          ((a & 0xfffn) << 8n) | ((a & 0xfffff000n) << 32n) | (b & 0xffn) | ((b & 0xffffff00n) << 12n);
        expect(splitDevice(dev)).toEqual({ major, minor });
      }),
    );
  });
});

describe('with a real holder', () => {
  const LOCKER =
    'import fcntl,os,sys,time\nf=os.open(sys.argv[1],os.O_WRONLY)\nfcntl.lockf(f,fcntl.LOCK_EX|fcntl.LOCK_NB)\ntime.sleep(600)\n';

  test('a process that locked with lockf(3) is found in /proc/locks, by its descriptors and by F_GETLK', async ctx => {
    if (!works('python3', '-c', 'import fcntl')) ctx.skip('no python3 to hold a POSIX lock');
    const file = join(running.directory(), 'lightningd-bitcoin.pid');
    writeFileSync(file, '1\n');
    expect(recordLockOn(file)).toEqual({ held: false });
    const child = await running.start('python3', ['-c', LOCKER, file]);
    const answer = await until('the lock', () => {
      const lock = recordLockOn(file);
      return lock?.held === true && lock;
    });
    // pyenv's python3 is a shell script that executes the real one: the PID stays
    expect(answer).toEqual({ held: true, pid: child.pid });
    const { certain, possible } = holdersOf(statSync(file, { bigint: true }), readLocks() ?? []);
    expect([...certain, ...possible]).toContain(child.pid);
    expect([...locksThrough(child.pid, 32)]).toEqual([
      expect.objectContaining({
        type: 'POSIX',
        access: 'WRITE',
        pid: child.pid,
        ino: statSync(file, { bigint: true }).ino,
      }),
    ]);
    expect([...locksThrough(child.pid, 3)]).toEqual([]);
    await running.end();
    expect([...locksThrough(child.pid, 32)]).toEqual([]);
  });

  test('a holder outside our PID namespace is a lock without a PID', async ctx => {
    if (!works('python3', '-c', 'import fcntl')) ctx.skip('no python3 to hold a POSIX lock');
    if (!works('unshare', '--pid', '--fork', '--mount-proc', 'true'))
      ctx.skip('unshare --pid is not allowed here');
    const directory = running.directory();
    const file = join(directory, 'lightningd-bitcoin.pid');
    writeFileSync(file, '1\n');
    await running.start('python3', ['-c', LOCKER, file]);
    await until('the lock', () => recordLockOn(file)?.held === true);
    const ask = await bundle(
      directory,
      `import { recordLockOn } from 'src/linux/files/record-lock.ts';
       import { readLocks } from 'src/linux/proc/locks.ts';
       console.log(JSON.stringify({ answer: recordLockOn(process.argv[2]), seen: readLocks().filter(lock => lock.type === 'POSIX').length }))`,
    );
    expect(jsonFrom('unshare', '--pid', '--fork', '--mount-proc', process.execPath, ask, file)).toEqual({
      answer: { held: true },
      seen: 0,
    });
  });

  test('a file that is not there, and a symbolic link, are no answer', () => {
    expect(recordLockOn('/nonexistent/lightningd-bitcoin.pid')).toBeUndefined();
    expect(recordLockOn('/proc/self/exe')).toBeUndefined();
  });
});
