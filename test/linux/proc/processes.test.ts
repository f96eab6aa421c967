import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { afterEach, describe, expect, test } from 'vitest';
import { inodeKey, openImage } from '../../../src/linux/proc/image.ts';
import {
  descendantsOf,
  effectiveUidOf,
  executedFiles,
  listProcesses,
  type Process,
  sharesOurMounts,
  workingDirectoryOf,
} from '../../../src/linux/proc/processes.ts';
import { bundle, jsonFrom } from '../../helpers/elsewhere.ts';
import { asUser, copyOfSleep, Running, script, until, works } from '../../helpers/running.ts';

const running = new Running();
afterEach(() => running.end());

const root = process.getuid?.() === 0;

function find(pid: number): Process | undefined {
  return listProcesses().processes.find(one => one.pid === pid);
}

function stateOf(pid: number): string | undefined {
  return /\) (.)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1];
}

/** Starts a copy of sleep called `name`. */
async function sleeper(name: string, options = {}) {
  const file = copyOfSleep(join(running.directory(), name));
  const stat = statSync(file, { bigint: true });
  return { file, key: inodeKey(stat), stat, child: await running.start(file, ['600'], options) };
}

describe('a process that runs', () => {
  test('is listed with its parent, user, start, arguments and executed file', async () => {
    const before = Date.now();
    const { file, stat, child } = await sleeper('lightning_openingd');
    expect(find(child.pid)).toMatchObject({
      pid: child.pid,
      ppid: process.pid,
      comm: 'lightning_openi',
      argv: [Buffer.from(file), Buffer.from('600')],
      exe: { kind: 'file', dev: stat.dev, ino: stat.ino, path: file, deleted: false },
    });
    // btime is cut to a second, and the clock of the machine may have been set since boot: a coarse check only
    expect(Math.abs((find(child.pid)?.startedAt ?? 0) - before)).toBeLessThan(60_000);
    expect(effectiveUidOf(child.pid)).toBe(process.geteuid?.());
  });

  test('is known by its file after that was deleted, and the image can still be read', async () => {
    const { file, key, child } = await sleeper('lightningd');
    unlinkSync(file);
    expect(find(child.pid)?.exe).toMatchObject({ kind: 'file', path: file, deleted: true });
    expect(executedFiles().has(key)).toBe(true);
    const image = openImage(child.pid);
    try {
      expect(inodeKey(image.stat)).toBe(key);
      expect(readFileSync(image.fd).equals(readFileSync('/bin/sleep'))).toBe(true);
    } finally {
      closeSync(image.fd);
    }
  });

  test('is known by its file after that was replaced by a rename, as dpkg does', async () => {
    const { file, key, child } = await sleeper('lightningd');
    copyFileSync('/bin/true', `${file}.dpkg-new`);
    renameSync(`${file}.dpkg-new`, file);
    const now = inodeKey(statSync(file, { bigint: true }));
    const exe = find(child.pid)?.exe;
    expect(exe).toMatchObject({ kind: 'file', path: file, deleted: true });
    expect(exe?.kind === 'file' && inodeKey(exe)).toBe(key);
    expect(executedFiles().has(key)).toBe(true);
    expect(executedFiles().has(now)).toBe(false);
  });

  test('whose file is really called "x (deleted)" is not taken for deleted', async () => {
    const { file, child } = await sleeper('x (deleted)');
    expect(find(child.pid)?.exe).toMatchObject({ path: file, deleted: false });
  });

  test('whose name holds brackets, a space and a newline is read like any other', async () => {
    const { child } = await sleeper('a) R 1 (\n) b');
    expect(find(child.pid)).toMatchObject({ comm: 'a) R 1 (\n) b', ppid: process.pid });
  });
});

test('a zombie executes nothing: it is neither listed nor its file in use', async () => {
  const directory = running.directory();
  const file = copyOfSleep(join(directory, 'lightningd'));
  // the shell becomes a sleep that never waits for its child
  const parent = script(join(directory, 'parent'), `#!/bin/sh\n"${file}" 0 &\nexec sleep 600\n`);
  const { pid } = await running.start(parent);
  const zombie = await until('a zombie', () => {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    return children !== '' && stateOf(Number(children)) === 'Z' && Number(children);
  });
  expect(find(zombie)).toBeUndefined();
  expect(executedFiles().has(inodeKey(statSync(file, { bigint: true })))).toBe(false);
});

test('a process whose first thread ended runs on: it is listed, its file in use', async ctx => {
  if (!works('cc', '--version')) ctx.skip('no C compiler');
  const directory = running.directory();
  const source = join(directory, 'x.c');
  const file = join(directory, 'threads');
  script(
    source,
    '#include <pthread.h>\n#include <unistd.h>\nstatic void *f(void *p) { for (;;) pause(); return p; }\nint main(void) { pthread_t t; pthread_create(&t, 0, f, 0); pthread_exit(0); }\n',
  );
  expect(works('cc', '-pthread', '-o', file, source)).toBe(true);
  const { pid } = await running.start(file);
  await until('its first thread to end', () => stateOf(pid) === 'Z');
  const stat = statSync(file, { bigint: true });
  expect(find(pid)?.exe).toMatchObject({ kind: 'file', ino: stat.ino, path: file, deleted: false });
  expect(executedFiles().has(inodeKey(stat))).toBe(true);
});

test('kernel threads are not listed', () => {
  const { processes } = listProcesses();
  expect(processes.some(({ comm }) => comm === 'kthreadd')).toBe(false);
  expect(processes.some(({ pid }) => pid === process.pid)).toBe(true);
});

test('descendantsOf gives children and their children, not the process itself and not its siblings', async () => {
  const directory = running.directory();
  const leaf = copyOfSleep(join(directory, 'leaf'));
  const inner = script(join(directory, 'inner'), `#!/bin/sh\n"${leaf}" 600 &\nwait\n`);
  const outer = script(join(directory, 'outer'), `#!/bin/sh\n"${inner}" &\n"${leaf}" 600 &\nwait\n`);
  const { pid } = await running.start(outer);
  const other = await running.start(leaf, ['600']);
  const names = await until('the tree', () => {
    const below = descendantsOf(pid, listProcesses().processes);
    const found = below.map(one => one.comm).sort();
    return found.join() === 'inner,leaf,leaf' && found; // for a moment a forked shell bears its parent's name
  });
  expect(names).toHaveLength(3);
  const all = listProcesses().processes;
  expect(descendantsOf(pid, all).some(one => one.pid === other.pid || one.pid === pid)).toBe(false);
});

test('processes that end while the list is read are no error', async () => {
  const shell = await running.start('/bin/sh', ['-c', 'while :; do /bin/true & /bin/true; wait; done']);
  for (let round = 0; round < 30; round++) {
    expect(listProcesses().processes.some(({ pid }) => pid === shell.pid)).toBe(true);
    expect(executedFiles().size).toBeGreaterThan(0);
  }
});

test('the working directory is the one the process is in; a removed one is not given', async () => {
  const directory = join(running.directory(), 'cwd (deleted)');
  mkdirSync(directory);
  const { child } = await sleeper('x', { cwd: directory });
  expect(workingDirectoryOf(child.pid)).toBe(directory);
  spawnSync('rmdir', [directory]);
  expect(workingDirectoryOf(child.pid)).toBeUndefined();
});

describe('what an ordinary user cannot see is said', () => {
  test("another user's process is listed as unreadable, and makes the list incomplete", async ctx => {
    if (!root) ctx.skip('needs root, to start a process as another user');
    const { key, child } = await sleeper('lightningd');
    const seen = asUser(1234, () => ({ list: listProcesses(), inodes: executedFiles() }));
    const found = seen.list.processes.find(({ pid }) => pid === child.pid);
    expect(found).toMatchObject({ comm: 'lightningd', exe: { kind: 'unreadable' } });
    expect(found?.argv.length).toBe(2);
    expect(asUser(1234, () => effectiveUidOf(child.pid))).toBe(0);
    expect(seen.list.complete).toBe(false);
    expect(seen.list.limits.map(({ kind }) => kind)).toContain('other-users');
    expect(seen.inodes.has(key)).toBe(false);
    expect(() => asUser(1234, () => openImage(child.pid))).toThrow(/permission denied/);
  });

  test('kernel threads are not among what is unreadable', ctx => {
    if (!root) ctx.skip('needs root');
    const { processes } = asUser(1234, () => listProcesses());
    expect(processes.some(({ comm }) => comm === 'kthreadd')).toBe(false);
  });

  test('his own process is read', async ctx => {
    if (!root) ctx.skip('needs root, to start a process as another user');
    const { key, child } = await sleeper('lightningd', { uid: 1234, gid: 1234 });
    const seen = asUser(1234, () => ({ list: listProcesses(), inodes: executedFiles() }));
    expect(seen.list.processes.find(({ pid }) => pid === child.pid)).toMatchObject({
      exe: { kind: 'file' },
    });
    expect(seen.inodes.has(key)).toBe(true);
  });

  test.for([
    ['hidepid=1', 'closed'],
    ['hidepid=2', 'hidden'],
  ] as const)(
    'on a /proc mounted with %s other processes are %s, and the reason is given',
    async ([option, what], ctx) => {
      const { pid } = (await sleeper('lightningd')).child;
      const mountPoint = running.directory();
      if (!root || !works('mount', '-t', 'proc', '-o', option, 'proc', mountPoint)) {
        ctx.skip(`mounting proc with ${option} is not allowed here`);
      }
      try {
        const list = asUser(1234, () => listProcesses(mountPoint));
        expect(list.complete).toBe(false);
        expect(list.limits.map(({ kind }) => kind)).toContain('hidepid');
        expect(list.processes.some(one => one.pid === pid)).toBe(false);
        expect(list.closed.some(one => one.pid === pid)).toBe(what === 'closed');
        expect(listProcesses(mountPoint).processes.some(one => one.pid === pid)).toBe(true);
      } finally {
        spawnSync('umount', [mountPoint]);
      }
    },
  );
});

describe('across namespaces', () => {
  test('a process in a PID and mount namespace of its own is known by device and inode', async ctx => {
    if (!works('unshare', '--pid', '--mount', '--fork', 'true')) ctx.skip('unshare is not allowed here');
    const { file, key } = await sleeper('lightningd');
    const { pid } = await running.start('unshare', ['--pid', '--mount', '--fork', file, '601']);
    const inner = await until('the process inside', () =>
      descendantsOf(pid, listProcesses().processes).find(({ comm }) => comm === 'lightningd'),
    );
    expect(inner.exe.kind === 'file' && inodeKey(inner.exe)).toBe(key);
    expect(sharesOurMounts(inner.pid)).toBe(false);
    expect(sharesOurMounts(process.pid)).toBe(true);
  });

  test('seen from a PID namespace of our own the list says that it cannot be complete', async ctx => {
    if (!works('unshare', '--pid', '--fork', '--mount-proc', 'true')) ctx.skip('unshare is not allowed here');
    const list = await bundle(
      running.directory(),
      `import { listProcesses } from 'src/linux/proc/processes.ts';
       const { complete, limits, processes } = listProcesses();
       console.log(JSON.stringify({ complete, kinds: limits.map(limit => limit.kind), pids: processes.map(p => p.pid) }))`,
    );
    expect(jsonFrom('unshare', '--pid', '--fork', '--mount-proc', process.execPath, list)).toEqual({
      complete: false,
      kinds: ['pid-namespace'],
      pids: [1],
    });
  });
});

describe('the threads of the kernel', () => {
  test('are not looked at one by one, and no process that executes a file is left out with them', () => {
    const executes = (pid: string): boolean => {
      try {
        return statSync(`/proc/${pid}/exe`, { throwIfNoEntry: false }) !== undefined;
      } catch {
        return false; // not ours to look into
      }
    };
    const executing = () => readdirSync('/proc').filter(name => /^[1-9]/.test(name) && executes(name));
    const before = executing().map(Number);
    const { processes, closed } = listProcesses();
    const after = new Set(executing().map(Number));
    const listed = new Set([...processes, ...closed].map(({ pid }) => pid));
    expect(before.filter(pid => after.has(pid) && !listed.has(pid))).toEqual([]);
    expect(listed.has(process.pid)).toBe(true);
  });

  const KTHREADD = 0x00200040;
  const ORDINARY = 0x00400040;
  test.for([
    ['left out where that is kthreadd', KTHREADD, []],
    ['listed where that is an ordinary process, as in a container', ORDINARY, [2, 7]],
  ] as const)('the children of PID 2 are %s', ([, flags, expected]) => {
    const proc = join(running.directory(), 'proc');
    for (const [pid, ppid] of [
      [2, 0],
      [7, 2],
    ]) {
      ensureDirSync(join(proc, `${pid}/task/${pid}`));
      const rest = Array.from({ length: 40 }, () => '1').join(' ');
      const stat = `${pid} (a b) S ${ppid} 0 0 0 0 ${pid === 2 ? flags : ORDINARY} ${rest}\n`;
      writeFileSync(join(proc, `${pid}/stat`), stat);
      writeFileSync(join(proc, `${pid}/cmdline`), 'a\0');
      symlinkSync(process.execPath, join(proc, `${pid}/exe`));
    }
    writeFileSync(join(proc, '2/task/2/children'), '7 8 ');
    expect(listProcesses(proc).processes.map(({ pid }) => pid)).toEqual(expected);
  });
});
