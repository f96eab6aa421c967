/** The real dpkg, on a scratch root with a database of its own. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { makeCInstallation, noCompiler, tempDir } from './stand-in.ts';

/** Why the real dpkg cannot be used here, with packages of the C stand-in; undefined when it can. */
export function noDpkg(): string | undefined {
  if (process.geteuid?.() !== 0) return 'dpkg needs root';
  if (spawnSync('dpkg-deb', ['--version']).error !== undefined) return 'dpkg is not installed';
  return noCompiler();
}

/** A scratch root with a dpkg database of its own, and packages of both versions. */
export function makeRoot(postinst?: string, options: Parameters<typeof makeCInstallation>[2] = {}) {
  const dir = tempDir();
  const root = join(dir, 'root');
  ensureDirSync(join(root, 'var/lib/dpkg/updates'));
  mkdirSync(join(root, 'var/lib/dpkg/info'));
  for (const name of ['status', 'available']) writeFileSync(join(root, 'var/lib/dpkg', name), '');
  const deb = (version: string) => {
    const tree = join(dir, version);
    makeCInstallation(tree, version, options);
    mkdirSync(join(tree, 'DEBIAN'));
    const control = `Package: lightningd\nVersion: ${version.slice(1)}\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: stand-in\n`;
    writeFileSync(join(tree, 'DEBIAN/control'), control);
    if (postinst !== undefined) writeFileSync(join(tree, 'DEBIAN/postinst'), postinst, { mode: 0o755 });
    const file = join(dir, `${version}.deb`);
    const built = spawnSync('dpkg-deb', ['-Znone', '--root-owner-group', '-b', tree, file], {
      encoding: 'utf8',
    });
    if (built.status !== 0) throw new Error(built.stderr);
    return file;
  };
  const dpkg = (file: string) => [
    `--root=${root}`,
    '--force-script-chrootless',
    '--force-unsafe-io',
    '-i',
    file,
  ];
  const install = (file: string) => {
    const { status, stderr } = spawnSync('dpkg', dpkg(file), { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  /** Packages by apt-get, which reads this configuration and none of this machine's. */
  const apt = (configuration: string, env: NodeJS.ProcessEnv, ...files: string[]) => {
    for (const name of ['state/lists/partial', 'cache/archives/partial', 'log'])
      ensureDirSync(join(dir, 'apt', name));
    const own = `Dir::Etc "${dir}/apt/etc"; Dir::State "${dir}/apt/state"; Dir::State::status "${root}/var/lib/dpkg/status";
Dir::Cache "${dir}/apt/cache"; Dir::Log "${dir}/apt/log"; APT::Sandbox::User "root"; APT::Architecture "all";
DPkg::Options { "--root=${root}"; "--force-script-chrootless"; "--force-unsafe-io"; };\n`;
    const file = join(dir, 'apt.conf');
    writeFileSync(file, own + configuration);
    return spawnSync('apt-get', ['-y', 'install', ...files], {
      encoding: 'utf8',
      env: { ...env, APT_CONFIG: file },
    });
  };
  return {
    dir,
    apt,
    old: deb('v25.12'),
    young: deb('v26.03'),
    dpkg,
    install,
    lightningd: join(root, 'usr/bin/lightningd'),
  };
}
