import {
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { afterEach, describe, expect, test } from 'vitest';
import { compile, makeCInstallation } from '../../../fixtures/stand-in/make-c.js';
import { findNodes, type LightningNode, type NodeSearch } from '../../../src/lightning/nodes/nodes.ts';
import { readUsers } from '../../../src/linux/passwd.ts';
import { bundle, jsonFrom } from '../../helpers/elsewhere.ts';
import { asUser, copyOfSleep, Running, script, until, works } from '../../helpers/running.ts';

const running = new Running();
afterEach(() => running.end());

const root = process.getuid?.() === 0;
const me = readUsers().get(process.getuid!())?.name ?? String(process.getuid!());

/** A lightning-dir with the directory of one network, as lightningd makes it. */
function lightningDir(network = 'bitcoin'): string {
  const path = join(running.directory(), 'lightning');
  addNetwork(path, network);
  return path;
}

function addNetwork(path: string, network: string): void {
  ensureDirSync(join(path, network));
  writeFileSync(join(path, network, 'hsm_secret'), '');
}

function fakeLightningd(directory = running.directory()): string {
  return copyOfSleep(join(directory, 'lightningd'));
}

function nodeOf(pid: number, search: NodeSearch = {}): LightningNode | undefined {
  return findNodes(search).nodes.find(node => node.process.pid === pid);
}

test('a lightningd that only begins and ends, again and again, is no node whose directory is not known', async () => {
  const path = lightningDir();
  const passing = join(running.directory(), 'lightningd');
  copyFileSync('/bin/true', passing);
  await running.start('sh', ['-c', `while :; do '${passing}' --lightning-dir=/nowhere; done`]);
  const found = Array.from({ length: 300 }, () => findNodes({ lightningDir: path }).unplaced.length);
  expect(found.filter(Boolean)).toEqual([]);
});

/** Holds a PID file as lightningd does, then becomes what follows. */
const HOLD =
  'import fcntl,os,sys\nf=os.open(sys.argv[1],os.O_WRONLY|os.O_CREAT,0o640)\nfcntl.lockf(f,fcntl.LOCK_EX|fcntl.LOCK_NB)\nos.write(f,b"%d\\n"%os.getpid())\nos.set_inheritable(f,True)\nos.execv(sys.argv[2],sys.argv[2:])\n';

describe('a node is found by its name', () => {
  test('with user, lightning-dir, network, start and everything below it', async () => {
    const path = lightningDir();
    const directory = running.directory();
    const lightningd = fakeLightningd(directory);
    const subdaemon = copyOfSleep(join(directory, 'lightning_hsmd'));
    // a shell that executes lightningd after it started a subdaemon: the PID stays, the child is lightningd's
    const start = script(
      join(directory, 'start'),
      `#!/bin/sh\n"${subdaemon}" 600 &\nexec "${lightningd}" 600\n`,
    );
    const { pid } = await running.start(start, [], { cwd: join(path, 'bitcoin') });
    const node = await until('the node', () => {
      const found = nodeOf(pid, { lightningDir: path });
      return found?.descendants.some(one => one.comm === 'lightning_hsmd') && found;
    });
    expect(node).toMatchObject({
      user: me,
      lightningDir: path,
      network: 'bitcoin',
      program: { kind: 'elf' },
      sharesOurMounts: true,
      pidFile: undefined,
    });
    expect(node.process.exe).toMatchObject({ kind: 'file', path: lightningd, deleted: false });
    expect(node.descendants.map(one => one.comm)).toEqual(['lightning_hsmd']);
  });

  test('after its binary was renamed, replaced or deleted', async () => {
    const path = lightningDir();
    const lightningd = fakeLightningd();
    const { pid } = await running.start(lightningd, ['600'], { cwd: join(path, 'bitcoin') });
    renameSync(lightningd, `${lightningd}.old`);
    expect(nodeOf(pid, { lightningDir: path })?.process.exe).toMatchObject({
      path: `${lightningd}.old`,
      deleted: false,
    });
    unlinkSync(`${lightningd}.old`);
    expect(nodeOf(pid, { lightningDir: path })?.process.exe).toMatchObject({ deleted: true });
  });

  test('when it was executed under another name', async () => {
    const lightningd = fakeLightningd();
    const link = join(running.directory(), 'clnd');
    symlinkSync(lightningd, link);
    const { pid } = await running.start(link, ['600']);
    expect(nodeOf(pid)?.process.comm).toBe('clnd');
  });

  test('when lightningd is a script', async () => {
    const path = lightningDir('regtest');
    const file = script(join(running.directory(), 'lightningd'), '#!/bin/sh\nsleep 600 &\nwait\n');
    const { pid } = await running.start(file, [], { cwd: join(path, 'regtest') });
    expect(await until('the node', () => nodeOf(pid))).toMatchObject({
      lightningDir: path,
      network: 'regtest',
      program: { kind: 'script', path: file },
    });
  });

  test('two networks of one lightning-dir are two nodes, those of another are not among them', async () => {
    const path = lightningDir();
    addNetwork(path, 'testnet4');
    const lightningd = fakeLightningd();
    const first = await running.start(lightningd, ['600'], { cwd: join(path, 'bitcoin') });
    const second = await running.start(lightningd, ['600'], { cwd: join(path, 'testnet4') });
    const other = await running.start(lightningd, ['600'], { cwd: join(lightningDir(), 'bitcoin') });
    const { nodes } = findNodes({ lightningDir: path });
    expect(nodes.map(node => [node.process.pid, node.network])).toEqual([
      [first.pid, 'bitcoin'],
      [second.pid, 'testnet4'],
    ]);
    expect(nodeOf(other.pid)).toBeDefined();
  });

  test('a lightning-dir given through a symbolic link is the same', async () => {
    const path = lightningDir();
    const link = join(running.directory(), 'link');
    symlinkSync(path, link);
    const { pid } = await running.start(fakeLightningd(), ['600'], { cwd: join(path, 'bitcoin') });
    expect(nodeOf(pid, { lightningDir: link })).toBeDefined();
  });

  test('before it entered its directory its arguments tell', async () => {
    const path = lightningDir();
    const file = script(join(running.directory(), 'lightningd'), '#!/bin/sh\nsleep 600 &\nwait\n');
    const { pid } = await running.start(file, [`--lightning-dir=${path}`, '--network=signet'], { cwd: '/' });
    expect(await until('the node', () => nodeOf(pid, { lightningDir: path }))).toMatchObject({
      lightningDir: path,
      network: 'signet',
    });
  });
});

describe('what is no node', () => {
  test('a process that only calls itself lightningd in argv[0]', async () => {
    const { pid } = await running.start('/bin/sleep', ['600'], { argv0: 'lightningd' });
    expect(nodeOf(pid)).toBeUndefined();
  });

  test('a lightningd that was asked for its version and has not answered yet', async () => {
    const file = script(join(running.directory(), 'lightningd'), '#!/bin/sh\nsleep 600 &\nwait\n');
    const asked = await running.start(file, ['--version']);
    const { pid } = await running.start(file);
    await until('the node', () => nodeOf(pid));
    expect(nodeOf(asked.pid)).toBeUndefined();
  });

  test('an editor or pager that was given a file of that name', async () => {
    const directory = running.directory();
    const viewer = script(join(directory, 'viewer'), '#!/bin/sh\nsleep 600 &\nwait\n');
    const { pid } = await running.start(viewer, [join(directory, 'lightningd')]);
    expect(nodeOf(pid)).toBeUndefined();
  });

  test('a wrapper script of that name: the lightningd below it is the node', async () => {
    const lightningd = fakeLightningd();
    const wrapper = script(
      join(running.directory(), 'lightningd'),
      `#!/bin/sh\n"${lightningd}" 600\nexit $?\n`,
    );
    const { pid } = await running.start(wrapper);
    const child = await until('the node', () => findNodes().nodes.find(node => node.process.ppid === pid));
    expect(child.program).toEqual({ kind: 'elf' });
    expect(nodeOf(pid)).toBeUndefined();
  });

  test('a fork that has not executed its subdaemon yet', async () => {
    // a subshell keeps the file and the arguments of its parent, as a fork of lightningd does
    const file = script(
      join(running.directory(), 'lightningd'),
      '#!/bin/sh\n( while :; do sleep 1; done ) &\nwait\n',
    );
    const { pid } = await running.start(file);
    const node = await until('the fork', () => {
      const found = nodeOf(pid);
      return found?.descendants.some(one => one.comm === 'lightningd') && found;
    });
    expect(findNodes().nodes.filter(one => one.process.ppid === pid)).toEqual([]);
    expect(node.descendants.length).toBeGreaterThan(0);
  });
});

describe('a node is found by its PID file', () => {
  const python = works('python3', '-c', 'import fcntl');

  test('held by a process of any name', async ctx => {
    if (!python) ctx.skip('no python3 to hold a POSIX lock');
    const path = lightningDir();
    const file = join(path, 'lightningd-bitcoin.pid');
    const program = copyOfSleep(join(running.directory(), 'cln'));
    const { pid } = await running.start('python3', ['-c', HOLD, file, program, '600'], {
      cwd: join(path, 'bitcoin'),
    });
    const node = await until('the lock', () => {
      const found = nodeOf(pid, { lightningDir: path });
      return found?.process.comm === 'cln' && found;
    });
    expect(node).toMatchObject({ pidFile: file, network: 'bitcoin', lightningDir: path });
  });

  test('named by pid-file= outside the lightning-dir', async ctx => {
    if (!python) ctx.skip('no python3 to hold a POSIX lock');
    const file = join(running.directory(), 'node.pid');
    const program = copyOfSleep(join(running.directory(), 'cln'));
    const { pid } = await running.start('python3', ['-c', HOLD, file, program, '600']);
    const pidFiles = [{ path: file, network: 'signet' }];
    const node = await until('the lock', () => nodeOf(pid, { pidFiles }));
    expect(node).toMatchObject({ pidFile: file, network: 'signet' });
  });

  test('that a crash left behind says nothing', () => {
    const path = lightningDir();
    writeFileSync(join(path, 'lightningd-bitcoin.pid'), `${process.pid}\n`);
    expect(findNodes({ lightningDir: path })).toMatchObject({ nodes: [], hidden: [] });
  });

  test('a symbolic link in its place is not followed', async ctx => {
    if (!python) ctx.skip('no python3 to hold a POSIX lock');
    const path = lightningDir();
    const real = join(running.directory(), 'real.pid');
    symlinkSync(real, join(path, 'lightningd-bitcoin.pid'));
    const { pid } = await running.start('python3', ['-c', HOLD, real, '/bin/sleep', '600']);
    await until('the lock', () => nodeOf(pid, { pidFiles: [{ path: real, network: undefined }] }));
    expect(findNodes({ lightningDir: path }).nodes).toEqual([]);
  });

  test('held by a process that we cannot see is a hidden node', async ctx => {
    if (!python) ctx.skip('no python3 to hold a POSIX lock');
    if (!works('unshare', '--pid', '--fork', '--mount-proc', 'true')) ctx.skip('unshare is not allowed here');
    const path = lightningDir();
    const file = join(path, 'lightningd-bitcoin.pid');
    const { pid } = await running.start('python3', ['-c', HOLD, file, '/bin/sleep', '600']);
    await until('the lock', () => nodeOf(pid, { lightningDir: path }));
    const directory = running.directory();
    const look = await bundle(
      directory,
      `import { findNodes } from 'src/lightning/nodes/nodes.ts';
       const { nodes, hidden } = findNodes({ lightningDir: process.argv[2] });
       console.log(JSON.stringify({ nodes: nodes.length, hidden }))`,
    );
    expect(jsonFrom('unshare', '--pid', '--fork', '--mount-proc', process.execPath, look, path)).toEqual({
      nodes: 0,
      hidden: [{ pidFile: file, network: 'bitcoin', user: me }],
    });
  });
});

describe("another user's node", () => {
  test('is seen by root with its user', async ctx => {
    if (!root) ctx.skip('needs root, to start a process as another user');
    const path = lightningDir();
    const { pid } = await running.start(fakeLightningd(), ['600'], {
      cwd: join(path, 'bitcoin'),
      uid: 4242,
      gid: 4242,
    });
    expect(nodeOf(pid, { lightningDir: path })).toMatchObject({ user: '4242', network: 'bitcoin' });
  });

  test('is listed for an ordinary user, with what he may not know left open', async ctx => {
    if (!root) ctx.skip('needs root, to act as another user');
    const path = lightningDir();
    const { pid } = await running.start(fakeLightningd(), ['600'], { cwd: join(path, 'bitcoin') });
    const seen = asUser(1234, () => findNodes());
    expect(seen.limits.map(limit => limit.kind)).toContain('other-users');
    const node = seen.nodes.find(one => one.process.pid === pid);
    expect(node).toMatchObject({ user: 'root', program: { kind: 'unreadable' }, sharesOurMounts: undefined });
  });

  test('is placed by its arguments; where they do not tell it is listed apart, not passed over', async ctx => {
    if (!root) ctx.skip('needs root, to act as another user');
    const path = lightningDir();
    const file = script(join(running.directory(), 'lightningd'), '#!/bin/sh\nsleep 600 &\nwait\n');
    const cwd = running.directory();
    const told = await running.start(file, [`--lightning-dir=${path}`, '--network=regtest'], { cwd });
    const untold = await running.start(file, ['--lightning-dir=relative'], { cwd });
    const seen = await until('both', () => {
      const found = asUser(1234, () => findNodes({ lightningDir: path }));
      return found.nodes.length > 0 && found.unplaced.some(one => one.process.pid === untold.pid) && found;
    });
    expect(seen.nodes.map(one => [one.process.pid, one.network])).toEqual([[told.pid, 'regtest']]);
  });
});

test('a node in another mount and PID namespace is recognised by the inode of its lightning-dir', async ctx => {
  if (!works('unshare', '--pid', '--mount', '--fork', 'true')) ctx.skip('unshare is not allowed here');
  const path = lightningDir();
  const lightningd = fakeLightningd();
  const inside = join(running.directory(), 'inside');
  mkdirSync(inside);
  const script1 = script(
    join(running.directory(), 'container'),
    `#!/bin/sh\nmount --bind "${path}" "${inside}" && cd "${inside}/bitcoin" && exec "${lightningd}" 600\n`,
  );
  await running.start('unshare', ['--pid', '--mount', '--fork', script1]);
  const node = await until('the node', () => findNodes({ lightningDir: path }).nodes[0]);
  expect(node).toMatchObject({ lightningDir: inside, network: 'bitcoin', sharesOurMounts: false });
  expect(node.process.exe).toMatchObject({ ino: statSync(lightningd, { bigint: true }).ino });
  // the path that the node knows it by is an empty directory to us
  expect(findNodes({ lightningDir: inside }).nodes).toEqual([]);
});

describe('the stand-in, compiled', () => {
  test.for([[[]], [['--daemon']]] as const)(
    'runs with %j: PID file, lock and subdaemons agree',
    async ([options], ctx) => {
      const compiled = compile();
      if ('reason' in compiled) ctx.skip(compiled.reason);
      const { lightningd, prefix } = makeCInstallation(running.directory(), 'v25.12', { plugins: 2 });
      const path = join(running.directory(), 'lightning');
      // relative to where it was started, and it leaves that place
      const started = await running.start(
        lightningd,
        ['--lightning-dir=lightning', '--network=regtest', `--log-file=${path}.log`, ...options],
        { cwd: join(path, '..') },
      );
      const node = await until('the node with its subdaemons', () => {
        const [found] = findNodes({ lightningDir: path }).nodes;
        return (
          found?.pidFile !== undefined &&
          // the last that it starts at once: what is not started when its file goes is its end
          found.descendants.some(one => one.comm.startsWith('lightning_conn')) &&
          found
        );
      });
      try {
        expect(node).toMatchObject({
          lightningDir: path,
          network: 'regtest',
          pidFile: join(path, 'lightningd-regtest.pid'),
        });
        expect(node.process.pid === started.pid).toBe(options.length === 0);
        rmSync(prefix, { recursive: true });
        const after = nodeOf(node.process.pid, { lightningDir: path });
        const exes = [after?.process, ...(after?.descendants ?? [])].flatMap(one =>
          one?.exe.kind === 'file' ? [one.exe] : [],
        );
        expect(exes.length).toBeGreaterThan(1);
        expect(exes.filter(exe => exe.path.startsWith(prefix) && !exe.deleted)).toEqual([]);
        expect(exes[0]).toMatchObject({ path: lightningd, deleted: true });
      } finally {
        process.kill(node.process.pid, 'SIGKILL'); // a daemon has left the process group that Running ends
      }
      await until('its end', () => findNodes({ lightningDir: path }).nodes.length === 0);
      expect(findNodes({ lightningDir: path }).hidden).toEqual([]);
    },
  );
});
