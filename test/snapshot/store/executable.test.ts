import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Directory } from '../../../src/linux/files/directory.ts';
import { smallestProgram } from '../../../src/linux/process/smallest-program.ts';
import { probeExec } from '../../../src/snapshot/fallback/probe-exec.ts';
import { whyUnfit } from '../../../src/snapshot/store/executable.ts';
import { ORDINARY_USER } from '../../helpers/holdfast.ts';
import { lastingDir, noMounts, programOf, underMounts } from '../../helpers/mounts.ts';
import { asUser } from '../../helpers/running.ts';
import { tempDir } from '../../helpers/stand-in.ts';

/** Prints both answers for each directory, and what is left in it. */
const PROBE = `
  import { readdirSync } from 'node:fs';
  import { Directory } from 'src/linux/files/directory.ts';
  import { isNoexec, mountOfOpen } from 'src/linux/proc/mountinfo.ts';
  import { whyUnfit } from 'src/snapshot/store/executable.ts';
  import { probeExec } from 'src/snapshot/fallback/probe-exec.ts';
  const answers = process.argv.slice(2).map(path => {
    const directory = Directory.open(path);
    const { verdict, errno } = probeExec(directory, isNoexec(mountOfOpen(directory.fd, path)));
    let cheap;
    try { cheap = whyUnfit(directory.at(), path) === undefined; } catch (error) { cheap = error.errno; }
    return [verdict, errno, cheap, readdirSync(path).filter(name => name.startsWith('.staging'))];
  });
  console.log(JSON.stringify(answers));`;

const EXECUTABLE = ['executable', null, true, []];
const NOEXEC = ['noexec', 'EACCES', false, []];

test.each([
  ['x64', 62],
  ['arm64', 183],
])('the smallest program for %s is an ELF that is never writable and executable at once', (arch, machine) => {
  const image = smallestProgram(arch)!;
  expect(image.subarray(0, 7)).toEqual(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]));
  expect(image.readUInt16LE(18)).toBe(machine);
  expect(image.length).toBeLessThan(256);
  for (const at of [64, 120]) expect(image.readUInt32LE(at + 4) & 3).not.toBe(3); // PF_X | PF_W
  const entry = Number(image.readBigUInt64LE(24) - image.readBigUInt64LE(64 + 16));
  expect(entry).toBe(176);
});

test('it runs on this machine and ends with 0', ctx => {
  const image = smallestProgram(process.arch);
  if (image === undefined)
    return ctx.skip(`none for ${process.arch}: a small program of the system's is copied`);
  const path = join(tempDir(), 'program');
  writeFileSync(path, image, { mode: 0o755 });
  const { status, stdout, stderr } = spawnSync(path, ['--with', 'arguments'], { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});

test.each([0o000, 0o077, 0o177, 0o777])(
  'programs can be executed in an ordinary directory, umask %s',
  umask => {
    const dir = tempDir();
    const old = process.umask(umask);
    try {
      expect(whyUnfit(dir)).toBe(undefined);
      const directory = Directory.open(dir);
      expect(probeExec(directory, false)).toMatchObject({ verdict: 'executable', errno: null });
      directory.close();
    } finally {
      process.umask(old);
    }
    expect(readdirSync(dir)).toEqual([]);
  },
);

test('a directory that may not be written to is not called noexec', ctx => {
  if (process.getuid?.() !== 0) ctx.skip('only root can become another user');
  const dir = join(tempDir(), "root's");
  mkdirSync(dir, 0o755);
  chmodSync(dir, 0o755); // whatever the umask
  const directory = Directory.open(dir);
  const probe = asUser(ORDINARY_USER, () => probeExec(directory, false));
  expect(probe).toMatchObject({ verdict: 'undetermined', syscall: 'open', errno: 'EACCES' });
  expect(asUser(ORDINARY_USER, () => probeExec(directory, true))).toMatchObject({ verdict: 'noexec' });
  directory.close();
  expect(() => asUser(ORDINARY_USER, () => whyUnfit(dir))).toThrow(
    expect.objectContaining({ code: 'SYSTEM', errno: 'EACCES', path: dir }),
  );
});

test.for([
  ['root', undefined],
  ['an ordinary user', ORDINARY_USER],
] as const)('real mounts, as %s: what counts is the mount that a directory is on', async ([, user], ctx) => {
  const reason = noMounts();
  if (reason !== undefined) ctx.skip(reason);
  const dir = lastingDir();
  const setup = `
    mkdir "$D/noexec" "$D/bind" "$D/exec"
    mount -t tmpfs -o noexec,mode=1777 none "$D/noexec"
    mkdir -m 1777 "$D/noexec/exec" "$D/noexec/exec/in"
    mount -t tmpfs -o mode=1777 none "$D/noexec/exec"; mkdir -m 1777 "$D/noexec/exec/in"
    mkdir -m 1777 "$D/exec/in"; chmod 1777 "$D/exec" "$D/bind"
    mount --bind "$D/bind" "$D/bind"; mount -o remount,bind,noexec "$D/bind"
    mkdir -m 1777 "$D/exec/over"; mount --bind "$D/exec/over" "$D/exec/over"; mount -o remount,bind,noexec "$D/exec/over"`;
  const args = ['noexec', 'noexec/exec', 'noexec/exec/in', 'bind', 'exec', 'exec/over', 'exec/in'];
  const program = await programOf(PROBE);
  const answers = underMounts(program, dir, setup, {
    ...(user === undefined ? {} : { user }),
    args: args.map(path => `${dir}/${path}`),
  });
  expect(answers).toEqual([NOEXEC, EXECUTABLE, EXECUTABLE, NOEXEC, EXECUTABLE, NOEXEC, EXECUTABLE]);
});

test('a full and a read-only file system are said to be that', async ctx => {
  const reason = noMounts();
  if (reason !== undefined) ctx.skip(reason);
  const dir = lastingDir();
  const setup = `
    mkdir "$D/full" "$D/ro"
    mount -t tmpfs -o size=4k,mode=1777 none "$D/full"; head -c 4096 /dev/zero > "$D/full/all"
    mount -t tmpfs -o ro,mode=1777 none "$D/ro"`;
  const program = await programOf(PROBE);
  expect(underMounts(program, dir, setup, { args: [`${dir}/full`, `${dir}/ro`] })).toEqual([
    ['undetermined', 'ENOSPC', true, []],
    ['undetermined', 'EROFS', 'EROFS', []],
  ]);
});

test('what a security module refuses is not called noexec', async ctx => {
  if (!['x64', 'arm64', 'riscv64'].includes(process.arch))
    ctx.skip('system call numbers of Landlock unknown here');
  const program = await programOf(`
    import { createRequire } from 'node:module';
    const koffi = createRequire(import.meta.url)('koffi');
    const libc = koffi.load(null);
    const create = libc.func('long syscall(long number, void *attr, size_t size, unsigned int flags)');
    const restrict = libc.func('long syscall(long number, int fd, unsigned int flags)');
    const prctl = libc.func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)');
    const EXECUTE = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
    const fd = create(444, EXECUTE, 8, 0);
    prctl(38, 1, 0, 0, 0);
    if (fd < 0 || restrict(446, fd, 0) !== 0) { console.log('[]'); process.exit(0); }
    ${PROBE}`);
  const dir = tempDir();
  const { stdout } = spawnSync(process.execPath, [program, dir], {
    encoding: 'utf8',
    env: { ...process.env, NODE_PATH: join(import.meta.dirname, '../../../node_modules') },
  });
  const answers = JSON.parse(stdout);
  if (answers.length === 0) ctx.skip('this kernel has no Landlock');
  // access(2) is not asked by Landlock: only the real exec tells
  expect(answers).toEqual([['refused', 'EACCES', true, []]]);
});

test('memory that may not be writable and executable at once is no hindrance', async ctx => {
  const program = await programOf(`
    import { createRequire } from 'node:module';
    const koffi = createRequire(import.meta.url)('koffi');
    const prctl = koffi.load(null).func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)');
    if (prctl(65, 1, 0, 0, 0) !== 0) { console.log('[]'); process.exit(0); }
    ${PROBE}`);
  const dir = tempDir();
  const flags = process.version.startsWith('v2') && Number(process.versions.node.split('.')[0]) < 24;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--jitless', ...(flags ? ['--no-expose-wasm'] : []), program, dir],
    {
      encoding: 'utf8',
      env: { ...process.env, NODE_PATH: join(import.meta.dirname, '../../../node_modules') },
    },
  );
  if (stdout === '[]\n') ctx.skip('this kernel has no PR_SET_MDWE');
  expect({ stdout: JSON.parse(stdout || 'null'), stderr }).toEqual({ stdout: [EXECUTABLE], stderr: '' });
});
