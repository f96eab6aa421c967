/** The real pacman, on a scratch root with a database of its own. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { makeCInstallation, noCompiler, tempDir } from './stand-in.ts';

/** Why the real pacman cannot be used here; undefined when it can. */
export function noPacman(): string | undefined {
  if (process.geteuid?.() !== 0) return 'pacman needs root';
  if (spawnSync('pacman', ['--version']).error !== undefined) return 'pacman is not installed';
  return noCompiler();
}

/** A scratch root with a pacman database of its own, and packages of both versions. */
export function makePacmanRoot() {
  const dir = tempDir();
  const root = join(dir, 'root');
  ensureDirSync(join(root, 'var/lib/pacman'));
  mkdirSync(join(root, 'var/log'));
  const config = join(dir, 'pacman.conf');
  writeFileSync(config, '[options]\nSigLevel = Never\nLocalFileSigLevel = Never\n');
  const pack = (version: string) => {
    const tree = join(dir, version);
    makeCInstallation(tree, version, { plugins: 20, pythonPlugin: false });
    const facts = `pkgname = core-lightning\npkgver = ${version.slice(1)}-1\npkgdesc = stand-in\nurl = none\nbuilddate = 1700000000\npackager = nobody\nsize = 1000\narch = any\n`;
    writeFileSync(join(tree, '.PKGINFO'), facts);
    const file = join(dir, `${version}.pkg.tar`);
    const options = ['--owner=0', '--group=0', '--mtime=2026-01-01', '--sort=name'];
    const tar = spawnSync('tar', ['-C', tree, ...options, '-cf', file, '.PKGINFO', 'usr'], {
      encoding: 'utf8',
    });
    if (tar.status !== 0) throw new Error(tar.stderr);
    return file;
  };
  const command = (file: string, ...more: string[]) => [
    ...['pacman', '--config', config, '--root', root, '--noconfirm', '--noprogressbar', '--overwrite', '*'],
    ...[...more, '-U', file],
  ];
  const install = (file: string) => {
    const [program = '', ...args] = command(file);
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`pacman ended with ${status}: ${stdout}${stderr}`);
  };
  return {
    dir,
    root,
    old: pack('v25.12'),
    young: pack('v26.03'),
    command,
    install,
    lightningd: join(root, 'usr/bin/lightningd'),
    prefix: join(root, 'usr'),
    /** what an operator removes before pacman, once killed, will work again: its lock, and the record that it had begun */
    forgetUnfinished: () => {
      rmSync(join(root, 'var/lib/pacman/db.lck'), { force: true });
      const local = join(root, 'var/lib/pacman/local');
      for (const { name } of readdirSync(local, { withFileTypes: true }).filter(entry => entry.isDirectory()))
        if (!existsSync(join(local, name, 'desc'))) rmSync(join(local, name), { recursive: true });
    },
  };
}
