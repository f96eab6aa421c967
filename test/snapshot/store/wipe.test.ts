/** What cannot be wiped is said and left; all else goes, and nothing outside the store. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { environment } from '../../helpers/elsewhere.ts';
import { ORDINARY_USER } from '../../helpers/holdfast.ts';
import { lastingDir, noMounts, programOf, underMounts } from '../../helpers/mounts.ts';
import { works } from '../../helpers/running.ts';
import { roomyDir, tempDir } from '../../helpers/stand-in.ts';

/** Wipes all that is in the directory that it is given. */
const WIPE = `import { Directory } from 'src/linux/files/directory.ts';
import { wipe } from 'src/snapshot/store/wipe.ts';
const store = Directory.open(process.argv[2]);
const warnings = [];
wipe(store, store.names().sort(), warnings).then(wiped => console.log(JSON.stringify({ wiped, warnings })));`;

/** No other test's: what runs by such a name on another device would count. */
const random = randomBytes(8).toString('hex').slice(1);
const [GONE, STAYS] = [`a${random}`, `b${random}`];

/** A store of two snapshots, the second of them with a directory that is to make difficulties. */
function makeStore(dir = tempDir()) {
  const store = join(dir, 'store');
  for (const name of [GONE, STAYS]) {
    mkdirSync(join(store, name, 'libexec/plugins'), { recursive: true });
    writeFileSync(join(store, name, 'libexec/plugins/pay'), name);
  }
  return { dir, store, difficult: join(store, STAYS, 'libexec/plugins') };
}

test('an immutable file is said, with the way out, and the rest goes', async ctx => {
  const { store, difficult } = makeStore(lastingDir());
  const file = join(difficult, 'pay');
  if (!works('chattr', '+i', file)) ctx.skip('no file can be made immutable here (chattr +i)');
  try {
    expect(underMounts(await programOf(WIPE), store, '', { args: [store] })).toEqual({
      wiped: [GONE],
      warnings: [
        `cannot wipe '${store}/${STAYS}': cannot remove '${file}': operation not permitted (EPERM, unlink); ` +
          "lsattr shows whether it is immutable (chattr -i), ls -l whether it is another user's",
      ],
    });
    expect(readdirSync(difficult)).toEqual(['pay']);
  } finally {
    works('chattr', '-i', file);
  }
});

test("another user's directory is said, with what it is, and the rest goes", async ctx => {
  const reason = noMounts();
  if (reason !== undefined) ctx.skip(reason);
  const { store, difficult } = makeStore();
  chownSync(store, ORDINARY_USER, ORDINARY_USER);
  works('chown', '-R', `${ORDINARY_USER}`, store);
  chownSync(difficult, 0, 0);
  const options = { user: ORDINARY_USER, args: [store] };
  expect(underMounts(await programOf(WIPE), store, '', options)).toEqual({
    wiped: [GONE],
    warnings: [
      expect.stringContaining(
        `cannot remove '${difficult}/pay': permission denied (EACCES, unlink); ls -l shows`,
      ),
    ],
  });
});

test('what is mounted in a snapshot is not touched', async ctx => {
  const reason = noMounts();
  if (reason !== undefined) ctx.skip(reason);
  const { dir, store, difficult } = makeStore();
  const precious = join(dir, 'precious');
  mkdirSync(join(precious, 'below'), { recursive: true });
  writeFileSync(join(precious, 'below/money'), '');
  const program = await programOf(WIPE);
  expect(underMounts(program, dir, `mount --bind $D/precious ${difficult}`, { args: [store] })).toEqual({
    wiped: [GONE],
    warnings: [
      `cannot wipe '${store}/${STAYS}': '${difficult}' is a mount point: something else is mounted there; umount '${difficult}'`,
    ],
  });
  expect(existsSync(join(precious, 'below/money'))).toBe(true);
  expect(underMounts(program, dir, '', { args: [store] })).toEqual({ wiped: [STAYS], warnings: [] });
});

test('a file that FUSE keeps for its reader is said, and goes when the reader has gone', async ctx => {
  if (noMounts() !== undefined) ctx.skip(noMounts());
  if (!existsSync('/dev/fuse') || !works('sh', '-c', 'command -v bindfs')) ctx.skip('no bindfs here');
  const { dir, store, difficult } = makeStore();
  mkdirSync(join(dir, 'mnt'));
  const there = join(dir, 'mnt', STAYS);
  const setup = `bindfs ${store} $D/mnt\ntrap 'umount -l $D/mnt' EXIT\nexec 9<${there}/libexec/plugins/pay`;
  // the program's standard output is one value: the second look is another program's
  const result = underMounts(await programOf(WIPE), dir, setup, { args: [join(dir, 'mnt')] });
  expect(result).toEqual({
    wiped: [GONE],
    warnings: [
      expect.stringMatching(
        /cannot remove the directory '.*\/plugins': directory not empty \(ENOTEMPTY, rmdir\); somebody has a file of it open/,
      ),
    ],
  });
  works('umount', '-l', join(dir, 'mnt'));
  expect(underMounts(await programOf(WIPE), dir, '', { args: [store] })).toEqual({
    wiped: [STAYS],
    warnings: [],
  });
  expect(existsSync(difficult)).toBe(false);
});

test('a tree of 12,000 levels goes, though few files may be open', async ctx => {
  const { store, difficult } = makeStore(roomyDir());
  const deep = `import os, sys
os.chdir(sys.argv[1])
for n in range(12000): os.mkdir('d'); os.chdir('d')
open('file', 'w').close()`;
  onTestFinished(() => void works('rm', '-rf', store)); // Node's own rmSync would overflow its stack
  if (!works('python3', '-c', deep, difficult)) ctx.skip('no python3 here');
  const program = await programOf(WIPE);
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, program, store],
    {
      encoding: 'utf8',
      env: environment,
    },
  );
  expect({ stdout, stderr }).toEqual({
    stdout: `${JSON.stringify({ wiped: [GONE, STAYS], warnings: [] })}\n`,
    stderr: '',
  });
  expect(readdirSync(store)).toEqual([]);
});

test('a live snapshot is neither wiped nor said', async () => {
  const { store, difficult } = makeStore();
  const program = await programOf(WIPE);
  const { stdout } = spawnSync('flock', ['-s', join(store, STAYS), process.execPath, program, store], {
    encoding: 'utf8',
    env: environment,
  });
  expect(JSON.parse(stdout)).toEqual({ wiped: [GONE], warnings: [] });
  expect(readFileSync(join(difficult, 'pay'), 'utf8')).toBe(STAYS);
});
