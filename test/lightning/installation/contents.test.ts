import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listContents } from '../../../src/lightning/installation/contents.ts';
import type { Installation } from '../../../src/lightning/installation/installation.ts';
import { roomyDir, tempDir } from '../../helpers/stand-in.ts';
import { put } from './installed-tree.ts';

/** `<dir>/usr` with a lightningd and a plugin; `tree` is its libexec directory. */
function made(dir = tempDir()): Installation & { readonly dir: string; readonly tree: string } {
  const prefix = join(dir, 'usr');
  put(join(prefix, 'bin/lightningd'));
  put(join(prefix, 'libexec/c-lightning/plugins/pay'));
  const tree = join(prefix, 'libexec/c-lightning');
  const rest = { lightningd: 'bin/lightningd', programs: ['bin/lightningd'], trees: ['libexec/c-lightning'] };
  return { dir, tree, prefix, layout: 'installed', ...rest };
}

const pathsOf = (installation: Installation) =>
  listContents(installation)
    .files.map(file => file.path)
    .sort();

describe('the contents of an installation', () => {
  it('are its programs and every file below its trees, whatever its mode, without __pycache__', () => {
    const installation = made();
    put(join(installation.tree, 'plugins/clnrest/clnrest.py'));
    put(join(installation.tree, 'plugins/clnrest/data.txt'), '', 0o600);
    put(join(installation.tree, 'plugins/clnrest/__pycache__/clnrest.pyc'));
    put(join(installation.prefix, 'bin/bash'));
    expect(pathsOf(installation)).toEqual([
      'bin/lightningd',
      'libexec/c-lightning/plugins/clnrest/clnrest.py',
      'libexec/c-lightning/plugins/clnrest/data.txt',
      'libexec/c-lightning/plugins/pay',
    ]);
  });

  it('are not the temporary names of package managers: those are apart, for the gate', () => {
    const installation = made();
    const names = ['pay.dpkg-new', '.pay.dpkg-tmp', 'pay;5f3e1a2b', 'pay#new', '.pay._portage_merge_.4711'];
    names.push('.apk.0123456789abcdef0123456789abcdef0123456789abcdef', '.pay.Zx09Qb');
    for (const name of names) put(join(installation.tree, 'plugins', name));
    for (const name of ['pay.pacnew', 'pay.dpkg-old', '.other.Zx09Qb', 'a;b'])
      put(join(installation.tree, 'plugins', name));
    const { files, temporaries } = listContents(installation);
    expect(files).toHaveLength(6);
    expect(temporaries.map(({ path }) => path.split('/').pop()).sort()).toEqual(names.sort());
  });

  it('are taken where they can be from a plugin directory; what cannot is left out, with a line for each', () => {
    const installation = made();
    const plugins = join(installation.tree, 'plugins');
    put(join(installation.dir, 'elsewhere/mine/main.py'));
    symlinkSync(join(installation.dir, 'elsewhere/mine'), join(plugins, 'mine'));
    symlinkSync('gone', join(plugins, 'dangling'));
    symlinkSync('..', join(plugins, 'above'));
    execFileSync('mkfifo', [join(plugins, 'fifo')]);
    writeFileSync(Buffer.from(`${plugins}/caf\xe9`, 'latin1'), '');
    symlinkSync(put(join(installation.dir, 'elsewhere/single')), join(plugins, 'single'));
    const { files, leftOut } = listContents(installation);
    expect(files.map(({ path }) => path).sort()).toEqual([
      'bin/lightningd',
      'libexec/c-lightning/plugins/pay',
      'libexec/c-lightning/plugins/single',
    ]);
    expect(leftOut).toHaveLength(5);
    for (const name of ['mine', 'dangling', 'above', 'fifo', 'caf\\xe9'])
      expect(leftOut.filter(line => line.includes(`/${name}'`))).toHaveLength(1);
  });

  it('are nothing of the directories that are apart: the store, and what a node keeps', () => {
    const installation = made();
    put(join(installation.tree, 'data/bitcoin/lightningd.sqlite3'));
    execFileSync('mkfifo', [join(installation.tree, 'data/fifo')]);
    symlinkSync('libexec/c-lightning/data', join(installation.prefix, 'data'));
    // another node's, which nobody has named
    put(join(installation.tree, 'other/bitcoin/hsm_secret'));
    put(join(installation.tree, 'other/subdaemons/.lock'));
    symlinkSync('0123456789abcdef', join(installation.tree, 'other/subdaemons/current'));
    put(join(installation.tree, 'other/subdaemons/0123456789abcdef/bin/lightningd'));
    const { files, directories } = listContents(installation, [join(installation.prefix, 'data')]);
    expect(files).toHaveLength(2);
    const paths = directories.map(({ path }) => path);
    for (const name of ['data', 'other/bitcoin', 'other/subdaemons'])
      expect(paths).not.toContain(join(installation.tree, name));
  });

  it('name each directory once, with the program directories', () => {
    const installation = made();
    const { directories } = listContents(installation);
    expect(directories.map(({ path }) => path).sort()).toEqual([
      join(installation.prefix, 'bin'),
      installation.tree,
      join(installation.tree, 'plugins'),
    ]);
    expect(directories.every(({ stat }) => stat.isDirectory())).toBe(true);
  });

  it('follow a link to the file it means, be it outside the prefix, and stat that file', () => {
    const installation = made();
    const real = put(join(installation.dir, 'elsewhere/real'), 'twelve bytes');
    symlinkSync('hop', join(installation.tree, 'linked'));
    symlinkSync(real, join(installation.tree, 'hop'));
    const linked = listContents(installation).files.find(file => file.path.endsWith('/linked'));
    expect(linked).toMatchObject({ source: real, path: 'libexec/c-lightning/linked' });
    expect(linked?.stat.size).toBe(12n);
  });

  it('follow a link to a directory inside the prefix, under the name of the link', () => {
    const installation = made();
    put(join(installation.prefix, 'share/cln/data.txt'));
    symlinkSync('../../share/cln', join(installation.tree, 'data'));
    const file = listContents(installation).files.find(({ path }) => path.endsWith('data.txt'));
    expect(file).toMatchObject({
      path: 'libexec/c-lightning/data/data.txt',
      source: join(installation.prefix, 'share/cln/data.txt'),
    });
  });

  it('may have names with spaces, newlines, backslashes and any UTF-8', () => {
    const installation = made();
    for (const name of ['a b', 'new\nline', 'back\\slash', 'grüße', '-rf', '日本'])
      put(join(installation.tree, name));
    expect(pathsOf(installation)).toContain('libexec/c-lightning/new\nline');
    expect(pathsOf(installation)).toHaveLength(8);
  });

  it('may lie 200 directories deep', () => {
    const installation = made();
    const deep = join(installation.tree, ...Array.from({ length: 200 }, () => 'd'), 'file');
    put(deep);
    expect(listContents(installation).files.map(file => file.source)).toContain(deep);
  });

  it('may be ten thousand files', () => {
    const installation = made(roomyDir());
    for (let d = 0; d < 10; d++) {
      mkdirSync(join(installation.tree, String(d)));
      for (let i = 0; i < 1000; i++) writeFileSync(join(installation.tree, String(d), `f${i}`), '');
    }
    expect(listContents(installation).files).toHaveLength(10_002);
  });

  it('of the prefix / have no leading slash in their names', () => {
    const dir = tempDir();
    const program = put(join(dir, 'bin/lightningd')).slice(1);
    put(join(dir, 'lib/lightning_hsmd'));
    const trees = [join(dir, 'lib').slice(1)];
    const rest = { lightningd: program, layout: 'installed', programs: [program], trees } as const;
    const { files } = listContents({ prefix: '/', ...rest });
    expect(files.map(file => file.path)).toEqual([program, `${trees[0]}/lightning_hsmd`]);
    expect(files.map(file => file.source)).toEqual([`/${program}`, join(dir, 'lib/lightning_hsmd')]);
  });
});

describe('the contents of a build tree', () => {
  it('are executables only, without the unit tests', () => {
    const dir = tempDir();
    for (const name of [
      'lightningd/lightningd',
      'lightningd/lightning_hsmd',
      'plugins/pay',
      'plugins/clnrest/clnrest.py',
    ])
      put(join(dir, name));
    for (const name of ['lightningd/lightningd.o', 'plugins/pay.c']) put(join(dir, name), '', 0o644);
    put(join(dir, 'plugins/test/run-route'));
    // on some file systems everything is executable, and a node may keep its data here
    for (const name of ['lightningd/hsmd.o', 'lightningd/lightningd.h', 'plugins/pay.o'])
      put(join(dir, name));
    put(join(dir, 'lightningd/data/bitcoin/hsm_secret'));
    execFileSync('mkfifo', [join(dir, 'lightningd/lightning-rpc')]);
    expect(
      pathsOf({
        prefix: dir,
        lightningd: 'lightningd/lightningd',
        layout: 'build-tree',
        programs: ['lightningd/lightningd'],
        trees: ['lightningd', 'plugins'],
      }),
    ).toEqual([
      'lightningd/lightning_hsmd',
      'lightningd/lightningd',
      'plugins/clnrest/clnrest.py',
      'plugins/pay',
    ]);
  });
});

describe('what cannot be taken is refused by its name', () => {
  type Made = ReturnType<typeof made>;
  const cases: readonly [string, (made: Made) => void, RegExp][] = [
    ['a dangling link', ({ tree }) => symlinkSync('gone', join(tree, 'bad')), /bad': .*leads to nothing/],
    ['a link to itself', ({ tree }) => symlinkSync('bad', join(tree, 'bad')), /bad': .*goes in circles/],
    [
      'a link to its own directory',
      ({ tree }) => symlinkSync('.', join(tree, 'bad')),
      /bad': .*leads back to/,
    ],
    [
      'a link to a directory above',
      ({ tree }) => symlinkSync('../..', join(tree, 'bad')),
      /bad': .*leads back to/,
    ],
    [
      'a cycle through two links',
      ({ tree }) => {
        mkdirSync(join(tree, 'a'));
        mkdirSync(join(tree, 'b'));
        symlinkSync('../b', join(tree, 'a/bad'));
        symlinkSync('../a', join(tree, 'b/bad'));
      },
      /bad': .*leads back to/,
    ],
    [
      'a link to a directory outside the prefix',
      ({ dir, tree }) => {
        put(join(dir, 'outside/file'));
        symlinkSync(join(dir, 'outside'), join(tree, 'bad'));
      },
      /bad': .*directory outside .*outside'/,
    ],
    [
      'a directory whose name only begins like the prefix',
      ({ dir, tree }) => {
        put(join(dir, 'usr2/file'));
        symlinkSync(join(dir, 'usr2'), join(tree, 'bad'));
      },
      /bad': .*directory outside/,
    ],
    ['a FIFO', ({ tree }) => execFileSync('mkfifo', [join(tree, 'bad')]), /bad': a FIFO/],
    [
      'a link to a FIFO',
      ({ dir, tree }) => {
        execFileSync('mkfifo', [join(dir, 'fifo')]);
        symlinkSync(join(dir, 'fifo'), join(tree, 'bad'));
      },
      /bad': a FIFO/,
    ],
    ['a link to a device', ({ tree }) => symlinkSync('/dev/null', join(tree, 'bad')), /bad': a device/],
    [
      'a name that is not UTF-8',
      ({ tree }) => writeFileSync(Buffer.from(`${tree}/caf\xe9`, 'latin1'), ''),
      /\/caf\\xe9' is not UTF-8/,
    ],
  ];

  it.each(cases)('%s', (_, spoil, message) => {
    const installation = made();
    spoil(installation);
    expect(() => listContents(installation)).toThrow(
      expect.objectContaining({ code: 'BAD_SOURCE', message: expect.stringMatching(message) }),
    );
  });

  it('a socket', async () => {
    const installation = made();
    const server = createServer();
    await new Promise<void>(resolve => server.listen(join(installation.tree, 'bad'), resolve));
    expect(() => listContents(installation)).toThrow(/bad': a socket/);
    await new Promise(resolve => server.close(resolve));
  });

  it('a directory that may not be read', ctx => {
    if (process.getuid?.() === 0) ctx.skip('root may read every directory');
    const installation = made();
    chmodSync(installation.tree, 0o311);
    expect(() => listContents(installation)).toThrow(expect.objectContaining({ code: 'UNREADABLE' }));
    chmodSync(installation.tree, 0o755);
  });

  it('a file that is gone has errno ENOENT, so that the caller may look again', () => {
    const installation = made();
    rmSync(join(installation.prefix, 'bin/lightningd'));
    expect(() => listContents(installation)).toThrow(
      expect.objectContaining({ code: 'BAD_SOURCE', errno: 'ENOENT' }),
    );
    const other = made();
    renameSync(other.tree, `${other.tree}.old`);
    expect(() => listContents(other)).toThrow(
      expect.objectContaining({ code: 'BAD_SOURCE', errno: 'ENOENT' }),
    );
  });
});
