import { cpSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findInstallation } from '../../../src/lightning/installation/installation.ts';
import { makeCInstallation, makeInstallation, noCompiler, tempDir } from '../../helpers/stand-in.ts';
import { elf, put, putSubdaemons, rodata } from './installed-tree.ts';

/** An installation below `dir` whose lightningd was configured with these directories. */
function install(dir: string, bindir: string, pkglibexecdir: string, plugindir = `${pkglibexecdir}/plugins`) {
  putSubdaemons(join(dir, pkglibexecdir));
  for (const name of ['bcli', 'pay']) put(join(dir, plugindir, name));
  const image = elf([
    { flags: 5, content: Buffer.alloc(1000, 0xcc) },
    { flags: 4, content: rodata(plugindir, bindir, '/var/lib/misc', pkglibexecdir) },
  ]);
  return put(join(dir, bindir, 'lightningd'), image);
}

describe('an installed lightningd', () => {
  it.each([
    ['/usr/bin', '/usr/libexec/c-lightning', 'usr', 'bin/lightningd', ['libexec/c-lightning']],
    [
      '/usr/local/bin',
      '/usr/local/libexec/c-lightning',
      'usr/local',
      'bin/lightningd',
      ['libexec/c-lightning'],
    ],
    ['/opt/x/bin', '/opt/x/lib/cln', 'opt/x', 'bin/lightningd', ['lib/cln']],
    ['/opt/x/sbin', '/opt/x/lib/cln', 'opt/x', 'sbin/lightningd', ['lib/cln']],
    ['/opt/cln', '/opt/cln/daemons', 'opt/cln', 'lightningd', ['daemons']],
    ['/usr/bin', '/opt/cln/daemons', '', 'usr/bin/lightningd', ['opt/cln/daemons']],
  ])(
    'with BINDIR %s and PKGLIBEXECDIR %s is found wherever its tree was moved to',
    (bin, libexec, prefix, program, trees) => {
      const dir = tempDir();
      const lightningd = install(dir, bin, libexec);
      const found = { layout: 'installed', lightningd: program, programs: [program], trees };
      expect(findInstallation(lightningd)).toEqual({ ...found, prefix: join(dir, prefix) });
    },
  );

  it('is found through symbolic links', () => {
    const dir = tempDir();
    install(join(dir, 'versions/1'), '/usr/bin', '/usr/libexec/c-lightning');
    symlinkSync('versions/1', join(dir, 'current'));
    mkdirSync(join(dir, 'bin'));
    symlinkSync('../current/usr/bin/lightningd', join(dir, 'bin/lightningd'));
    expect(findInstallation(join(dir, 'bin/lightningd')).prefix).toBe(join(dir, 'versions/1/usr'));
  });

  it('has the companions that lie beside it, and no others', () => {
    const dir = tempDir();
    const lightningd = install(dir, '/usr/bin', '/usr/libexec/c-lightning');
    for (const name of ['lightning-cli', 'reckless', 'bash']) put(join(dir, 'usr/bin', name));
    symlinkSync('gone', join(dir, 'usr/bin/lightning-hsmtool'));
    expect(findInstallation(lightningd).programs).toEqual([
      'bin/lightningd',
      'bin/lightning-cli',
      'bin/lightning-hsmtool',
      'bin/reckless',
    ]);
  });

  it('has its plugins elsewhere when PLUGINDIR says so', () => {
    const lightningd = install(tempDir(), '/opt/x/bin', '/opt/x/lib/cln', '/opt/x/share/cln/addons');
    expect(findInstallation(lightningd).trees).toEqual(['lib/cln', 'share/cln/addons']);
  });

  it('prefers the directory that was compiled in to the usual one of another installation', () => {
    const dir = tempDir();
    putSubdaemons(join(dir, 'usr/libexec/c-lightning'));
    expect(findInstallation(install(dir, '/usr/bin', '/usr/lib/cln')).trees).toEqual(['lib/cln']);
  });

  it('is found when the linker stored BINDIR as the tail of another string', () => {
    const dir = tempDir();
    putSubdaemons(join(dir, 'lib/cln'));
    const image = elf([{ flags: 4, content: rodata('PATH=/opt/x/bin', '/opt/x/lib/cln') }]);
    expect(findInstallation(put(join(dir, 'bin/lightningd'), image)).trees).toEqual(['lib/cln']);
  });

  it('is found by the relative path that older releases compiled in', () => {
    const dir = tempDir();
    putSubdaemons(join(dir, 'lib/cln'));
    const image = elf([{ flags: 4, content: rodata('../lib/cln') }]);
    expect(findInstallation(put(join(dir, 'bin/lightningd'), image)).trees).toEqual(['lib/cln']);
  });

  it('is found when one of its subdaemons is missing: that is for the gate to say', () => {
    const dir = tempDir();
    const lightningd = install(dir, '/usr/bin', '/usr/libexec/c-lightning');
    rmSync(join(dir, 'usr/libexec/c-lightning/lightning_channeld'));
    expect(findInstallation(lightningd).trees).toEqual(['libexec/c-lightning']);
  });

  it('may be a script without any path in it: the usual place is looked at', () => {
    const dir = tempDir();
    putSubdaemons(join(dir, 'libexec/c-lightning'));
    const script = put(join(dir, 'bin/lightningd'), '#!/bin/sh\nexec sleep 9\n');
    expect(findInstallation(script)).toMatchObject({ prefix: dir, trees: ['libexec/c-lightning'] });
  });

  it('is found in the stand-in of scripts, moved as a whole', () => {
    const dir = tempDir();
    const { prefix } = makeInstallation(dir, 'v25.12');
    renameSync(prefix, join(dir, 'moved'));
    const { programs, trees } = findInstallation(join(dir, 'moved/bin/lightningd'));
    expect([programs.length, trees]).toEqual([4, ['libexec/c-lightning']]);
  });

  it('is found in the stand-in of C programs, moved as a whole', ctx => {
    const reason = noCompiler();
    if (reason !== undefined) ctx.skip(reason);
    const dir = tempDir();
    const { prefix } = makeCInstallation(dir, 'v25.12');
    renameSync(prefix, join(dir, 'moved'));
    const { programs, trees } = findInstallation(join(dir, 'moved/bin/lightningd'));
    expect([programs.length, trees]).toEqual([4, ['libexec/c-lightning']]);
  });
});

describe('a build tree', () => {
  it('is known by all subdaemons beside lightningd, and has its plugins in ../plugins', () => {
    const dir = tempDir();
    putSubdaemons(join(dir, 'lightningd'));
    put(join(dir, 'plugins/pay'));
    const lightningd = put(
      join(dir, 'lightningd/lightningd'),
      elf([{ flags: 4, content: rodata('/usr/bin') }]),
    );
    expect(findInstallation(lightningd)).toEqual({
      prefix: dir,
      lightningd: 'lightningd/lightningd',
      layout: 'build-tree',
      programs: ['lightningd/lightningd'],
      trees: ['lightningd', 'plugins'],
    });
  });

  it('with a subdaemon missing is none, as for lightningd itself', () => {
    const dir = tempDir();
    putSubdaemons(join(dir, 'lightningd'));
    rmSync(join(dir, 'lightningd/lightning_hsmd'));
    expect(() => findInstallation(put(join(dir, 'lightningd/lightningd')))).toThrow(
      expect.objectContaining({ code: 'NOT_AN_INSTALLATION' }),
    );
  });
});

describe('what is no Core Lightning', () => {
  it('is an error that names what was looked for and where', () => {
    const dir = tempDir();
    const path = put(join(dir, 'bin/lightningd'), '#!/bin/sh\n');
    const message = expect.stringMatching(
      `lightning_channeld.*'${dir}/bin', '${dir}/libexec/c-lightning'`,
    ) as unknown;
    expect(() => findInstallation(path)).toThrow(
      expect.objectContaining({ code: 'NOT_AN_INSTALLATION', message, path }),
    );
  });

  it('is refused although a Core Lightning is installed beside it', () => {
    const dir = tempDir();
    install(dir, '/usr/bin', '/usr/libexec/c-lightning');
    cpSync('/bin/true', join(dir, 'usr/bin/true'), { dereference: true });
    expect(() => findInstallation(join(dir, 'usr/bin/true'))).toThrow(
      expect.objectContaining({ code: 'NOT_AN_INSTALLATION' }),
    );
  });

  it('is NOT_FOUND when nothing is there', () => {
    expect(() => findInstallation('/nowhere/lightningd')).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    );
  });
});
