/** The real rpm, with a database of its own, and packages that are relocated below a scratch root. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { makeCInstallation, noCompiler, tempDir } from './stand-in.ts';

/** Why the real rpm cannot be used here; undefined when it can. */
export function noRpm(): string | undefined {
  if (process.geteuid?.() !== 0) return 'rpm needs root';
  const missing = ['rpm', 'rpmbuild'].filter(name => spawnSync(name, ['--version']).error !== undefined);
  return missing.length === 0 ? noCompiler() : `${missing.join(', ')} is not installed`;
}

/** A scratch root with an rpm database of its own, and packages of both versions. @param post its %post scriptlet */
export function makeRpmRoot(post = ':') {
  const dir = tempDir();
  const root = join(dir, 'root');
  const database = join(root, 'var/lib/rpm');
  ensureDirSync(database);
  const pack = (version: string) => {
    const tree = join(dir, version);
    makeCInstallation(tree, version, { plugins: 20, pythonPlugin: false });
    const spec = join(dir, `${version}.spec`);
    writeFileSync(spec, specOf(version.slice(1), tree, post));
    const built = spawnSync('rpmbuild', ['-bb', '--define', `_topdir ${dir}/top`, spec], {
      encoding: 'utf8',
    });
    if (built.status !== 0) throw new Error(built.stderr);
    return join(dir, `top/RPMS/noarch/core-lightning-${version.slice(1)}-1.noarch.rpm`);
  };
  const isDebian = spawnSync('rpm', ['--force-debian', '--version']).status === 0;
  const command = (file: string) => [
    'rpm',
    ...(isDebian ? ['--force-debian'] : []),
    ...['--nodeps', '--dbpath', database, '--prefix', join(root, 'usr'), '-U', file],
  ];
  const install = (file: string) => {
    const [program = '', ...args] = command(file);
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`rpm ended with ${status}: ${stderr}`);
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
  };
}

function specOf(version: string, tree: string, post: string): string {
  return `%define __strip /bin/true
%define __os_install_post %{nil}
%define debug_package %{nil}
%define _build_id_links none
%define _binary_payload w0.gzdio
%define _binaries_in_noarch_packages_terminate_build 0
Name: core-lightning
Version: ${version}
Release: 1
Summary: stand-in
License: none
Prefix: /usr
BuildArch: noarch
AutoReqProv: no
%description
Stands in for Core Lightning.
%install
mkdir -p %{buildroot}
cp -a ${tree}/usr %{buildroot}/
%post
${post}
%files
/usr
`;
}
